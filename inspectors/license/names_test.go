package license_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/inspectors/inspecttest"
	"weighbridge/inspectors/license"
)

func TestCovers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"LICENSE": "model", "license": "model", "LICENCE.md": "model", "COPYING": "model", "LICENSE.txt": "model", "LICENSE-MODEL": "model",
		"MODEL_LICENSE.txt": "model", "LICENSE.llama3.1": "model", "UNLICENSE": "model", "Gemma_License.html": "model", "LICENSE-2.0": "model",
		"LICENSE-CODE": "code", "LICENSE_CODE.txt": "code", "DATA_LICENSE": "data", "weights/MODEL_LICENSE": "model",
		"vae/LICENSE": "part", "original/LICENSE.txt": "part", "THIRD_PARTY_NOTICES.txt": "part", "third-party-licenses.txt": "part",
		"NOTICE": "notice", "Notice.txt": "notice", "sub/NOTICE.md": "notice",
		"USE_POLICY.md": "use", "USAGE_POLICY": "use", "ACCEPTABLE_USE.md": "use", "acceptable-use-policy.txt": "use",
		"license.py": "", "license.json": "", "licenses.csv": "", "notice.js": "", "LICENSE.safetensors": "", "README.md": "", "relicensed.txt": "", "policy.md": "", "use.txt": "", "": "",
	} {
		got, ok := license.Covers(name)
		require.Equal(t, want, got, name)
		require.Equal(t, want != "", ok, name)
	}
}

func TestManifests(t *testing.T) {
	t.Parallel()
	type found struct{ where, declared string }
	for name, tc := range map[string]struct {
		file, text string
		want       []found
	}{
		"pep 639":        {"pyproject.toml", "[build-system]\nlicense = \"x\"\n[project]\nname = 'a'\nlicense = \"MIT OR Apache-2.0\" # both\n", []found{{"project.license", "MIT OR Apache-2.0"}}},
		"pep 621 text":   {"pyproject.toml", "[project]\nlicense = {text = \"MIT License\"}\n", []found{{"project.license", "MIT License"}}},
		"poetry":         {"pyproject.toml", "[tool.poetry]\nlicense='BSD-3-Clause'\n", []found{{"tool.poetry.license", "BSD-3-Clause"}}},
		"classifiers":    {"pyproject.toml", "[project]\nclassifiers = [\n  \"License :: OSI Approved :: MIT License\",\n  \"License :: OSI Approved :: BSD License\",\n]\n", []found{{"project.classifiers", "MIT"}}},
		"a table":        {"pyproject.toml", "[project.license]\ntext = \"ISC\"\n", []found{{"project.license.text", "ISC"}}},
		"a long text":    {"pyproject.toml", "[project]\nlicense = {text = \"\"\"\nPermission", nil},
		"setup.cfg":      {"setup.cfg", "[metadata]\nname = a\nlicense = Apache 2.0\nclassifiers =\n    License :: OSI Approved :: Apache Software License\n", []found{{"metadata.license", "Apache 2.0"}}},
		"cargo":          {"Cargo.toml", "[package]\nlicense = \"MIT\"\n[dependencies]\nlicense = \"1\"\n", []found{{"package.license", "MIT"}}},
		"npm":            {"package.json", `{"license": "ISC"}`, []found{{"$.license", "ISC"}}},
		"npm, an object": {"package.json", `{"license": {"type": "MIT", "url": "https://example.org"}}`, []found{{"$.license", "MIT"}}},
		"npm, a list":    {"package.json", `{"licenses": [{"type": "MIT"}, {"type": "ISC"}]}`, []found{{"$.licenses", "MIT"}, {"$.licenses", "ISC"}}},
		"npm, broken":    {"package.json", `{"license": `, nil},
		"npm, a number":  {"package.json", `{"license": 3}`, nil},
		"citation":       {"CITATION.cff", "cff-version: 1.2.0\nlicense: CC-BY-4.0\n", []found{{"$.license", "CC-BY-4.0"}}},
		"citation, list": {"CITATION.cff", "license:\n  - MIT\n  - \"Apache-2.0\"\ntitle: x\n", []found{{"$.license", "MIT OR Apache-2.0"}}},
		"citation, flow": {"CITATION.cff", "license: [MIT, ISC]\nauthors:\n  - license: x\n", []found{{"$.license", "MIT OR ISC"}}},
		"citation, none": {"CITATION.cff", "title: x\n  license: MIT\n", nil},
		"too long":       {"Cargo.toml", "[package]\nlicense = \"" + strings.Repeat("MIT OR ", 200) + "MIT\"\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, stub{}, nil, inspecttest.Files{tc.file: tc.text})
			var got []found
			for _, s := range r.Facts.LicenseFound.Sources {
				require.Equal(t, "manifest", s.Kind)
				require.Equal(t, "code", s.Covers)
				got = append(got, found{s.Where, s.Declared})
			}
			require.Equal(t, tc.want, got)
		})
	}
	r := inspect(t, stub{}, nil, inspecttest.Files{"package.json": `{"license": "SEE LICENSE IN <LICENSE.md>"}`, "Cargo.toml": "[package]\nlicense-file = \"LICENSE.md\"\n", "LICENSE.md": mit})
	require.Equal(t, "MIT", r.Facts.LicenseFound.Sources[0].Expression)
	require.Equal(t, "MIT", r.Facts.LicenseFound.Sources[1].Expression)
}

func FuzzManifests(f *testing.F) {
	f.Add("pyproject.toml", "[project]\nlicense = {text = \"MIT\", file = 'x'}\n")
	f.Add("setup.cfg", "[metadata]\nlicense = MIT\n  License :: OSI Approved :: MIT License\n")
	f.Add("package.json", `{"license": {"type": "MIT"}, "licenses": ["a"]}`)
	f.Add("CITATION.cff", "license:\n  - MIT\nlicense-url: x\n")
	f.Add("Cargo.toml", "[package]\nlicense = \"")
	f.Fuzz(func(t *testing.T, name, text string) {
		records := license.ManifestRecords(name, []byte(text))
		require.LessOrEqual(t, len(records), 20)
		for _, r := range records {
			require.LessOrEqual(t, len(r.Declared)+len(r.Link), 1000)
			require.Equal(t, "code", r.Covers)
			_, err := json.Marshal(r)
			require.NoError(t, err)
		}
	})
}
