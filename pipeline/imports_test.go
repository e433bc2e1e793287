package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The architecture is in the folders, and imports run one way. This file holds the
// arrows for the code that ships; tests may import what they need to show.
//
// A pattern is an import path below the module, or any other import path. "a/..." is
// a and everything below it, "*test" is every package whose last element ends so:
// the helpers that only tests import.

const module = "weighbridge"

// arrow lists what packages may import of this module. A package may always import
// what lies above or below it in its own folder, but for the domain, which imports
// nothing.
type arrow struct {
	from string
	to   []string
}

// arrows are tried in order: the first whose from matches holds.
var arrows = []arrow{
	{"pipeline", nil},
	{"pipeline/...", []string{"pipeline/..."}},
	{"inspectors/all", []string{"pipeline", "inspectors/..."}},
	{"inspectors/*test", []string{"pipeline/...", "storage/object/mem", "fixtures/..."}},
	// What is found of a licence is looked up in one table, and the rules look it up there too.
	{"inspectors/license/...", []string{"pipeline", "pipeline/licence"}},
	{"inspectors/...", []string{"pipeline"}},
	{"storage/*test", []string{"pipeline", "fixtures/..."}},
	{"storage/...", []string{"pipeline"}},
	{"fixtures/...", []string{"pipeline", "fixtures/..."}},
	{"cmd/...", []string{"pipeline/...", "inspectors/all", "storage/...", "fixtures/...", "cmd/..."}},
}

// fence lists who may import a package from elsewhere.
type fence struct {
	around string
	only   []string
}

var fences = []fence{
	{"github.com/minio/...", []string{"storage/object/s3"}},
	{"github.com/riverqueue/...", []string{"pipeline/jobs", "cmd/internal/app"}},
	{"cel.dev/...", []string{"pipeline/policy"}},
	{"github.com/google/cel-go/...", nil},
	{"net/http/...", []string{"cmd/internal/...", "fixtures/s3server", "storage/object/s3"}},
	{"html/template", []string{"cmd/internal/...", "fixtures/s3server", "pipeline/report"}},
	{"database/sql/...", []string{"storage/sqldb/...", "pipeline/jobs", "cmd/internal/app"}},
	{"modernc.org/...", []string{"storage/sqldb/..."}},
	{"github.com/jackc/...", []string{"storage/sqldb/...", "cmd/internal/app"}},
	{"github.com/pressly/...", []string{"storage/sqldb/..."}},
	{"github.com/in-toto/...", []string{"pipeline/attest"}},
	{"github.com/secure-systems-lab/...", []string{"pipeline/attest"}},
	{"github.com/youmark/...", []string{"pipeline/attest"}},
	{"github.com/CycloneDX/...", []string{"pipeline/report"}},
	{"github.com/google/licensecheck/...", []string{"inspectors/license"}},
	{"github.com/github/go-spdx/...", []string{"pipeline/licence"}},
	{"github.com/spf13/...", []string{"cmd/..."}},
	{"github.com/knadh/...", []string{"cmd/internal/..."}},
	{"github.com/vbauerster/...", []string{"cmd/internal/..."}},
	{"github.com/danielgtaylor/...", []string{"cmd/internal/..."}},
	// Who asks is found out in one place, and the provider of identities is for tests.
	{"github.com/coreos/...", []string{"cmd/internal/access"}},
	{"github.com/alexedwards/...", []string{"cmd/internal/access"}},
	{"github.com/zitadel/...", []string{"cmd/internal/access/*test"}},
	{"golang.org/x/oauth2/...", []string{"cmd/internal/access"}},
	// A second reader of safetensors, for fixtures and tests; it needs whole files.
	{"github.com/nlpodyssey/...", []string{"fixtures/..."}},
	{"github.com/stretchr/...", []string{"*test"}},
	// Nothing that a model brings is ever executed.
	{"os/exec", []string{"cmd/internal/..."}},
	{"plugin", nil},
	{"C", nil},
}

// unreached lists what must not be reached even through others' packages: the domain
// is told what was read, it reads nothing itself.
var unreached = []fence{
	{"net/http", []string{"cmd/...", "storage/...", "fixtures/...", "pipeline/jobs", "pipeline/report", "pipeline/attest"}},
	{"database/sql", []string{"cmd/...", "storage/...", "fixtures/...", "pipeline/jobs"}},
	{"github.com/minio/minio-go/v7", []string{"cmd/...", "storage/..."}},
	{"os/exec", []string{"cmd/...", "storage/...", "fixtures/...", "pipeline/jobs", "pipeline/report", "pipeline/attest"}},
}

// domainImports is all that package pipeline may import from elsewhere than the
// standard library.
var domainImports = []string{"github.com/google/uuid"}

// matches reports whether the import path p, without the module's name, fits.
func matches(pattern, p string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/..."); ok {
		return p == parent || strings.HasPrefix(p, parent+"/")
	}
	if parent, suffix, ok := strings.Cut(pattern, "*"); ok {
		// To attest is no test.
		return strings.HasPrefix(p, parent) && strings.HasSuffix(path.Base(p), suffix) && path.Base(p) != "attest"
	}
	return p == pattern
}

func matchesAny(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, p) })
}

// graph holds what each package imports, by import path.
type graph map[string][]string

// violations returns every arrow of the graph that is not drawn above, as
// "from -> to: reason", in order.
func (g graph) violations() []string {
	var found []string
	report := func(from, to, reason string) { found = append(found, from+" -> "+to+": "+reason) }
	for full, imports := range g {
		from, ours := local(full)
		if !ours {
			continue
		}
		for _, to := range imports {
			if below, ok := local(to); ok {
				if reason := inside(from, below); reason != "" {
					report(from, below, reason)
				}
				continue
			}
			if from == "pipeline" && !standard(to) && !slices.Contains(domainImports, to) {
				report(from, to, "the domain imports the standard library and google/uuid only")
			}
			for _, f := range fences {
				if matches(f.around, to) && !matchesAny(f.only, from) {
					report(from, to, only(f))
				}
			}
		}
		for _, f := range unreached {
			if matchesAny(f.only, from) || matches("*test", from) {
				continue
			}
			if way := g.way(full, f.around); len(way) > 2 {
				report(from, f.around, "reached through "+strings.Join(way[1:len(way)-1], ", "))
			}
		}
	}
	slices.Sort(found)
	return found
}

// inside returns why a package of the module may not import another, or "".
func inside(from, to string) string {
	i := slices.IndexFunc(arrows, func(a arrow) bool { return matches(a.from, from) })
	if i < 0 {
		return "no arrow starts in this folder"
	}
	if matches("*test", to) && !matches("*test", from) {
		return "only tests import helpers of tests"
	}
	kin := matches(from+"/...", to) || matches(to+"/...", from)
	if matchesAny(arrows[i].to, to) || kin && from != "pipeline" {
		return ""
	}
	return fmt.Sprintf("%s may import only %q", arrows[i].from, arrows[i].to)
}

func only(f fence) string {
	if len(f.only) == 0 {
		return "nobody may import it"
	}
	return fmt.Sprintf("only %q may import it", f.only)
}

// way returns the shortest way from one package to another, both ends included, or
// nil where there is none.
func (g graph) way(from, to string) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var way []string
			for p := to; p != ""; p = before[p] {
				way = append([]string{p}, way...)
			}
			return way
		}
		for _, next := range g[queue[0]] {
			if _, seen := before[next]; !seen {
				before[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// local cuts the module's name off an import path.
func local(p string) (below string, ours bool) { return strings.CutPrefix(p, module+"/") }

// standard reports whether an import path is of the standard library, which has no
// dot in its first element.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

func TestImports_RunOneWay(t *testing.T) {
	t.Parallel()

	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Error", "./...")
	list.Dir = ".."
	out, err := list.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		require.NoError(t, err, string(exit.Stderr))
	}
	require.NoError(t, err)

	g := graph{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Error      *struct{ Err string }
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		require.Nil(t, p.Error, p.ImportPath)
		g[p.ImportPath] = p.Imports
	}
	require.Contains(t, g, module+"/pipeline")
	require.Contains(t, g, module+"/fixtures")
	require.Contains(t, g, "net/http", "the graph holds dependencies too")
	require.Empty(t, strings.Join(g.violations(), "\n"))
}

func TestImports_ViolationsAreNamed(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		from, to string
		want     string // a part of the reason, "" where the arrow is drawn
	}{
		"domain_to_engine":           {"weighbridge/pipeline", "weighbridge/pipeline/engine", `pipeline may import only []`},
		"domain_to_uuid":             {"weighbridge/pipeline", "github.com/google/uuid", ""},
		"domain_to_standard_library": {"weighbridge/pipeline", "encoding/json", ""},
		"domain_to_a_library":        {"weighbridge/pipeline", "go.yaml.in/yaml/v4", "google/uuid only"},
		"domain_to_http":             {"weighbridge/pipeline", "net/http", "may import it"},
		"engine_to_domain":           {"weighbridge/pipeline/engine", "weighbridge/pipeline", ""},
		"engine_to_inspector":        {"weighbridge/pipeline/engine", "weighbridge/inspectors/weight", "pipeline/... may import only"},
		"engine_to_store":            {"weighbridge/pipeline/engine", "weighbridge/storage/object/mem", "pipeline/... may import only"},
		"engine_to_sql":              {"weighbridge/pipeline/engine", "database/sql", "may import it"},
		"inspector_to_domain":        {"weighbridge/inspectors/weight", "weighbridge/pipeline", ""},
		"inspector_to_engine":        {"weighbridge/inspectors/weight", "weighbridge/pipeline/engine", "inspectors/... may import only"},
		"inspector_to_inspector":     {"weighbridge/inspectors/weight", "weighbridge/inspectors/gguf", "inspectors/... may import only"},
		"inspector_to_its_own_part":  {"weighbridge/inspectors/weight", "weighbridge/inspectors/weight/packing", ""},
		"inspector_to_namesake":      {"weighbridge/inspectors/weight", "weighbridge/inspectors/weights", "inspectors/... may import only"},
		"licences_to_their_table":    {"weighbridge/inspectors/license", "weighbridge/pipeline/licence", ""},
		"inspector_to_the_table":     {"weighbridge/inspectors/weight", "weighbridge/pipeline/licence", "inspectors/... may import only"},
		"inspector_to_licensecheck":  {"weighbridge/inspectors/weight", "github.com/google/licensecheck", "inspectors/license"},
		"inspector_to_storage":       {"weighbridge/inspectors/weight", "weighbridge/storage/object/s3", "inspectors/... may import only"},
		"inspector_to_fixtures":      {"weighbridge/inspectors/weight", "weighbridge/fixtures", "inspectors/... may import only"},
		"inspector_to_helpers":       {"weighbridge/inspectors/weight", "weighbridge/inspectors/inspecttest", "only tests"},
		"inspector_to_all":           {"weighbridge/inspectors/weight", "weighbridge/inspectors/all", "inspectors/... may import only"},
		"inspector_to_exec":          {"weighbridge/inspectors/weight", "os/exec", "may import it"},
		"inspector_to_cgo":           {"weighbridge/inspectors/weight", "C", "nobody"},
		"all_to_inspector":           {"weighbridge/inspectors/all", "weighbridge/inspectors/weight", ""},
		"all_to_storage":             {"weighbridge/inspectors/all", "weighbridge/storage", "inspectors/all may import only"},
		"helpers_to_fixtures":        {"weighbridge/inspectors/inspecttest", "weighbridge/fixtures", ""},
		"helpers_to_testify":         {"weighbridge/storage/object/objecttest", "github.com/stretchr/testify/require", ""},
		"shipping_code_to_testify":   {"weighbridge/storage/object/mem", "github.com/stretchr/testify/require", `only ["*test"]`},
		"store_to_domain":            {"weighbridge/storage/object/s3", "weighbridge/pipeline", ""},
		"store_to_shared_errors":     {"weighbridge/storage/object/s3", "weighbridge/storage", ""},
		"store_to_store":             {"weighbridge/storage/object/s3", "weighbridge/storage/object/dir", "storage/... may import only"},
		"store_to_database":          {"weighbridge/storage/object/s3", "weighbridge/storage/sqldb", "storage/... may import only"},
		"store_to_minio":             {"weighbridge/storage/object/s3", "github.com/minio/minio-go/v7", ""},
		"other_store_to_minio":       {"weighbridge/storage/object/dir", "github.com/minio/minio-go/v7", "storage/object/s3"},
		"fixtures_to_store":          {"weighbridge/fixtures/s3server", "weighbridge/storage/object/mem", "fixtures/... may import only"},
		"fixtures_to_http":           {"weighbridge/fixtures/s3server", "net/http", ""},
		"fixtures_to_http_elsewhere": {"weighbridge/fixtures", "net/http", "may import it"},
		"inspector_to_second_reader": {"weighbridge/inspectors/safetensors", "github.com/nlpodyssey/safetensors", "fixtures"},
		"policy_to_cel":              {"weighbridge/pipeline/policy", "cel.dev/cel-go/cel", ""},
		"engine_to_cel":              {"weighbridge/pipeline/engine", "cel.dev/cel-go/cel", "pipeline/policy"},
		"policy_to_the_old_cel":      {"weighbridge/pipeline/policy", "github.com/google/cel-go/cel", "nobody"},
		"command_to_inspector":       {"weighbridge/cmd/internal/app", "weighbridge/inspectors/weight", "cmd/... may import only"},
		"command_to_all":             {"weighbridge/cmd/internal/app", "weighbridge/inspectors/all", ""},
		"command_to_store":           {"weighbridge/cmd/internal/app", "weighbridge/storage/object/s3", ""},
		"access_to_sign_in":          {"weighbridge/cmd/internal/access", "github.com/coreos/go-oidc/v3/oidc", ""},
		"pages_to_sign_in":           {"weighbridge/cmd/internal/serve", "golang.org/x/oauth2", "cmd/internal/access"},
		"access_to_a_provider":       {"weighbridge/cmd/internal/access", "github.com/zitadel/oidc/v3/pkg/op", "cmd/internal/access/*test"},
		"tests_to_a_provider":        {"weighbridge/cmd/internal/access/accesstest", "github.com/zitadel/oidc/v3/pkg/op", ""},
		"command_to_attest":          {"weighbridge/cmd/internal/cli", "weighbridge/pipeline/attest", ""},
		"attest_to_testify":          {"weighbridge/pipeline/attest", "github.com/stretchr/testify/require", `only ["*test"]`},
		"report_to_dsse":             {"weighbridge/pipeline/report", "github.com/secure-systems-lab/go-securesystemslib/dsse", "pipeline/attest"},
		"a_new_folder":               {"weighbridge/internal/util", "weighbridge/pipeline", "no arrow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := graph{tc.from: {tc.to}}.violations()
			if tc.want == "" {
				require.Empty(t, got)
				return
			}
			from, _ := local(tc.from)
			to := strings.TrimPrefix(tc.to, module+"/")
			require.NotEmpty(t, got)
			for _, violation := range got {
				require.True(t, strings.HasPrefix(violation, from+" -> "+to+": "), violation)
			}
			require.Contains(t, strings.Join(got, "\n"), tc.want)
		})
	}

	through := graph{
		"weighbridge/inspectors/weight": {"example.org/a"},
		"example.org/a":                 {"example.org/b", "fmt"},
		"example.org/b":                 {"net/http"},
		"weighbridge/cmd/weighbridge":   {"example.org/a"},
	}
	require.Equal(t, []string{"inspectors/weight -> net/http: reached through example.org/a, example.org/b"}, through.violations())
}
