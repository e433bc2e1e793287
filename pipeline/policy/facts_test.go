package policy_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline/policy"
	"weighbridge/pipeline/vocabulary"
)

//go:generate go test . -run ^TestFacts_PageIsTheOneInTheRepository$ -update

var update = flag.Bool("update", false, "write the page of facts again")

func TestFacts_PageIsTheOneInTheRepository(t *testing.T) {
	t.Parallel()
	groups, err := policy.ShippedFacts()
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, policy.WriteFacts(&b, groups))
	if *update {
		require.NoError(t, os.WriteFile("FACTS.md", b.Bytes(), 0o644))
	}
	want, err := os.ReadFile("FACTS.md")
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, b.Bytes()), "FACTS.md is old: run go generate ./pipeline/...")
}

// described returns the description of a fact.
func described(t *testing.T, groups []policy.FactGroup, name string) policy.Fact {
	t.Helper()
	for _, g := range groups {
		if i := slices.IndexFunc(g.Facts, func(f policy.Fact) bool { return f.Name == name }); i >= 0 {
			return g.Facts[i]
		}
	}
	require.Fail(t, "there is no fact "+name)
	return policy.Fact{}
}

func TestFacts_NameTheRulesThatUseThem(t *testing.T) {
	t.Parallel()
	pack := loadText(t, strings.Replace(rule{when: `it.license == "x" && training.flops.upper > 1e25`, list: "datasets", ask: "[it.license, training.flops, destination.country]"}.text(),
		"title: A test\n", "title: A test\napplies: submission.present\n", 1))
	groups := policy.FactGroups([]*policy.Pack{pack, pack})
	for name, want := range map[string]struct{ rules, applies, asked []string }{
		"datasets[].license":  {[]string{"T-01"}, nil, []string{"T-01"}},
		"training.flops":      {[]string{"T-01"}, nil, []string{"T-01"}},
		"destination.country": {nil, nil, []string{"T-01"}},
		"submission.present":  {nil, []string{"test"}, nil},
		"datasets[].id":       {nil, nil, nil},
		"params.upper":        {nil, nil, nil},
	} {
		f := described(t, groups, name)
		require.ElementsMatch(t, want.rules, f.Rules, name)
		require.ElementsMatch(t, want.applies, f.AppliesTo, name)
		require.ElementsMatch(t, want.asked, f.Asked, name)
		require.NotNil(t, f.Rules, "JSON has lists, not null")
	}
	access := described(t, groups, "weights.access")
	require.Equal(t, []string{"published", "gated", "partner", "closed"}, access.Values)
	require.Equal(t, "tokens", described(t, groups, "training.tokens").Unit)
	require.Equal(t, "parameters", described(t, groups, "params.upper").Unit)
}

// Every fact that a rule of a shipped pack reads or asks for is on the page, so that no
// use is lost because of how it is written.
func TestFacts_HoldWhatShippedPacksName(t *testing.T) {
	t.Parallel()
	groups, err := policy.ShippedFacts()
	require.NoError(t, err)
	selected, err := policy.Defaults()
	require.NoError(t, err)
	shown := map[string]bool{}
	for _, g := range groups {
		require.NotEmpty(t, g.Doc, g.Name)
		require.NotEmpty(t, g.Facts, g.Name)
		for _, f := range g.Facts {
			require.NotEmpty(t, f.Doc, f.Name)
			require.NotEmpty(t, f.Type, f.Name)
			for _, id := range f.Rules {
				shown[id] = true
			}
		}
	}
	for _, s := range selected {
		for _, r := range s.Pack.Rules {
			require.True(t, len(r.Reads()) == 0 || shown[r.ID], "%s reads %v", r.ID, r.Reads())
		}
	}
}

func TestFacts_OriginsAreThoseOfTheGroups(t *testing.T) {
	t.Parallel()
	for group, want := range map[string]vocabulary.Origin{
		"params": vocabulary.Measured, "submission": vocabulary.Measured, "destination": vocabulary.Declared, "datasets": vocabulary.Declared,
		"licensing": vocabulary.Assessed, "screening": vocabulary.Assessed,
	} {
		require.Equal(t, want, vocabulary.OriginOf(group), group)
	}
}
