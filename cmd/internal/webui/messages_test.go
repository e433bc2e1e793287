package webui_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
)

// messagesOf reads the messages of a language: each key with the forms of its text.
func messagesOf(t *testing.T, tag string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	files, err := filepath.Glob(filepath.Join("messages", tag, "*.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var said map[string]yaml.Node
		require.NoError(t, yaml.Unmarshal(text, &said), file)
		for key, node := range said {
			require.NotContains(t, out, key, "%s in %s", key, file)
			if node.Kind == yaml.ScalarNode {
				out[key] = []string{node.Value}
				continue
			}
			forms := map[string]string{}
			require.NoError(t, node.Decode(&forms), key)
			for _, form := range forms {
				out[key] = append(out[key], form)
			}
		}
	}
	return out
}

// uses are the keys and the beginnings of keys that code and templates name.
func uses(t *testing.T) (keys, families map[string]string) {
	t.Helper()
	keys, families = map[string]string{}, map[string]string{}
	literal := regexp.MustCompile(`"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)"`)
	begins := regexp.MustCompile(`"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)\."\s*\+|print "([a-z][a-z0-9_.]*)\."|printf "([a-z][a-z0-9_.]*)\.%`)
	word := regexp.MustCompile(`(?:\bword|Word\()\s*"([a-z][a-z0-9_.]*)"`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	templates, err := filepath.Glob("templates/*.tmpl")
	require.NoError(t, err)
	for _, file := range append(files, templates...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		text := string(b)
		for _, m := range literal.FindAllStringSubmatch(text, -1) {
			keys[m[1]] = file
		}
		for _, m := range begins.FindAllStringSubmatch(text, -1) {
			families[m[1]+m[2]+m[3]] = file
		}
		for _, m := range word.FindAllStringSubmatch(text, -1) {
			families[m[1]] = file
		}
	}
	return keys, families
}

// called are the keys that are surely asked for, and not merely texts that look like keys.
func called(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	inTemplate := regexp.MustCompile(`(?:\{\{-?\s*|\(|\|\s*)t "([^"]+)"`)
	inCode := regexp.MustCompile(`\.T\("([^"]+)"[,)]`)
	for pattern, expression := range map[string]*regexp.Regexp{"templates/*.tmpl": inTemplate, "*.go": inCode} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range expression.FindAllStringSubmatch(string(b), -1) {
				out[m[1]] = file
			}
		}
	}
	return out
}

var placeholder = regexp.MustCompile(`\{[0-9]\}`)

// placeholders returns those of one text, in order.
func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestEveryMessageIsThereAndUsed(t *testing.T) {
	t.Parallel()
	messages := messagesOf(t, "en")
	keys, families := uses(t)
	asked := called(t)
	require.Greater(t, len(asked), 100)
	for key, file := range asked {
		require.Contains(t, messages, key, "asked for in %s", file)
	}
	var unused []string
	for key := range messages {
		_, used := keys[key]
		for i, r := range key {
			if r == '.' && families[key[:i]] != "" {
				used = true
			}
		}
		if !used {
			unused = append(unused, key)
		}
	}
	require.Empty(t, unused, "messages that nothing uses")
}

// TestEveryWordHasAMessage holds the families to what the domain can say.
func TestEveryWordHasAMessage(t *testing.T) {
	t.Parallel()
	messages := messagesOf(t, "en")
	for family, values := range map[string][]any{
		"state":    list(pipeline.States()),
		"verdict":  list([]pipeline.Verdict{pipeline.VerdictBlock, pipeline.VerdictInconclusive, pipeline.VerdictReview, pipeline.VerdictClear}),
		"decision": append(list(pipeline.DecisionKinds()), pipeline.DecisionRevoke),
		"reason":   list(pipeline.ReasonCodes()),
		"role":     list(pipeline.DeskRoles()),
		"effect":   {pipeline.EffectBlock, pipeline.EffectReview, pipeline.EffectWarn, pipeline.EffectInfo},
		"mode":     {pipeline.ModeEnforce, pipeline.ModeReport, pipeline.ModeOff},
		"quorum":   {pipeline.QuorumOne, pipeline.QuorumTwo, pipeline.QuorumTwoAndLegal},
		"outcome":  {pipeline.OutcomeMatched, pipeline.OutcomeNotMatched, pipeline.OutcomeUndetermined},
		"mark":     {pipeline.MarkPrimary, pipeline.MarkSecondary, pipeline.MarkMemory, pipeline.MarkInference},
		"accept":   {pipeline.BasisMeasured, pipeline.BasisAttested, pipeline.BasisDeclared},
		"known":    {pipeline.KnownAsserted, pipeline.KnownSystem, pipeline.KnownSignedIn, pipeline.KnownToken, pipeline.KnownLink, pipeline.KnownDev},
		"delivery": {pipeline.DeliveryWaiting, pipeline.DeliveryDelivered, pipeline.DeliveryDead},
		"notice":   list(pipeline.NoticeKinds()),
		"event": {pipeline.EventOpened, pipeline.EventCleared, pipeline.EventCarriedOver, pipeline.EventRejudged, pipeline.EventReopened,
			pipeline.EventSuperseded, pipeline.EventClaimed, pipeline.EventReleased, pipeline.EventTakenOver, pipeline.EventCommented, pipeline.EventDecided,
			pipeline.EventApproved, pipeline.EventRejected, pipeline.EventChangesRequested, pipeline.EventExpired, pipeline.EventAttested,
			pipeline.EventRevoked, pipeline.EventAssigned, pipeline.EventAttached, pipeline.EventAnswered, pipeline.EventOverdue, pipeline.EventLinked, pipeline.EventLinksEnded,
			pipeline.EventExceptionGranted, pipeline.EventExceptionEnded, pipeline.EventExceptionLapsing, pipeline.EventTokenMade, pipeline.EventTokenRevoked},
		"status": {"in_force", "on_books_not_enforced", "suspended", "proposed", "voluntary", "rescinded", "operator", "organisation", "seed"},
	} {
		for _, value := range values {
			require.Contains(t, messages, fmt.Sprintf("%s.%v", family, value))
		}
	}
}

func list[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func TestEveryLanguageSaysTheSame(t *testing.T) {
	t.Parallel()
	english := messagesOf(t, "en")
	folders, err := os.ReadDir("messages")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(folders), 2)
	for _, folder := range folders {
		other := messagesOf(t, folder.Name())
		for key, forms := range english {
			require.Contains(t, other, key, folder.Name())
			want := placeholders(strings.Join(forms, " "))
			for _, form := range other[key] {
				got := placeholders(form)
				// A form for one may leave the number out.
				if len(other[key]) > 1 && slices.Contains(want, "{0}") && !slices.Contains(got, "{0}") {
					got = append([]string{"{0}"}, got...)
				}
				require.Equal(t, want, got, "%s in %s: %s", key, folder.Name(), form)
			}
		}
		for key := range other {
			require.Contains(t, english, key, "only in %s", folder.Name())
		}
	}
}

// never is what no text may say of a model.
var never = regexp.MustCompile(`(?i)\b(permitted|compliant|compliance|lawful|legally|is legal|allowed)\b|合规|合法|允许出口|准予出口`)

// TestNoMessageAllowsAnything holds the words to what the desk may say.
func TestNoMessageAllowsAnything(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"en", "zh-Hans"} {
		for key, forms := range messagesOf(t, tag) {
			for _, form := range forms {
				require.NotRegexp(t, never, form, "%s in %s", key, tag)
			}
		}
	}
}
