package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/cli"
	"weighbridge/fixtures"
	"weighbridge/pipeline/report"
)

// TestHostileTexts holds that texts that lie with a model can neither stop a check, nor
// act in what is written of it: scripts, markup, controls, directions, bombs and links.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	bomb := "---\na: &a [x,x,x,x,x,x,x,x,x]\n"
	for i, name := range []string{"b", "c", "d", "e", "f", "g", "h", "i"} {
		before := string(rune('a' + i))
		bomb += name + ": &" + name + " [" + strings.TrimSuffix(strings.Repeat("*"+before+",", 9), ",") + "]\n"
	}
	bomb += "license: mit\n---\n"
	card := "---\nlicense: other\nlicense_name: \"</code><img src=x onerror=alert(1)>\"\nlicense_link: http://169.254.169.254/latest/meta-data/\n" +
		"base_model: \"owner/evil\u202egnp.exe\"\ndatasets: [\"http://127.0.0.1:1/x\", \"<script>alert(2)</script>\"]\nlanguage: [\"\x07en\"]\n" +
		"tags: [\"@everyone\", \"`~~~\"]\nmodel-index:\n- name: \"<script>alert(3)</script>\"\n---\n# <script>alert(4)</script> 7B parameters\n"
	for name, files := range map[string]map[string]string{
		"markup in a card":         {"README.md": card},
		"a bomb of aliases":        {"README.md": bomb, "mergekit_config.yml": strings.Trim(bomb, "-\n")},
		"deep JSON-LD":             {"croissant.json": `{"@context": {"cr": "http://mlcommons.org/croissant/"}, "conformsTo": "http://mlcommons.org/croissant/1.0", "x": ` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"},
		"deep bill of materials":   {"bom.json": `{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": ` + strings.Repeat(`[{"components": `, 20_000) + "[]" + strings.Repeat("}]", 20_000) + "}"},
		"a signature of nothing":   {"model.sig": `{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": {"payload": "<script>", "payloadType": "x", "signatures": []}}`},
		"names that turn around":   {"evil\u202egnp.py": "import os\n", "<script>alert(5)<b>.md": "# hello\n", "LICENSE": "<script>alert(6)</script> Apache License Version 2.0"},
		"links to the inside":      {"README.md": "---\nlicense: other\nlicense_link: http://169.254.169.254/\nbase_model: http://localhost:1/owner/model\n---\n[x](http://127.0.0.1:1/)\n"},
		"no closing line, odd end": {"README.md": "\ufeff---\r\nlicense:\tmit\r\nname: \xff\xfe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, fixtures.Tiny().Write(folder))
			for path, text := range files {
				at := filepath.Join(folder, path)
				require.NoError(t, os.WriteFile(at, []byte(text), 0o600))
			}
			for _, f := range report.Formats() {
				got := call(t, cli.Environment{}, "check", folder, "--format", f.Name)
				require.Contains(t, []int{0, 10, 20, 30}, got.status, "%s: %s", f.Name, got.stderr)
				require.NotEmpty(t, got.stdout, f.Name)
				if f.Name == "json" || f.Name == "sarif" || f.Name == "cyclonedx" {
					continue // for programs, which escape what they show
				}
				require.NotContains(t, got.stdout, "<script", f.Name)
				require.NotContains(t, got.stdout, "<img", f.Name)
				require.NotContains(t, got.stdout, "\u202e", f.Name)
				require.NotContains(t, got.stdout, "\x07", f.Name)
			}
		})
	}
}
