package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy"
)

const list = `list: places
title: Some places
as_of: 2026-11-23
source: {title: A notice, url: "https://example.org/notice", mark: primary}
verified_by: A reader
review_by: 2027-02-28
members: [DE, {id: FR, from: 2026-12-01}, {id: GB, to: 2026-11-30}]
`

func TestLoadList(t *testing.T) {
	t.Parallel()
	got, err := policy.LoadList(strings.NewReader(list), "places.yaml")
	require.NoError(t, err)
	require.Equal(t, "places", got.Name)
	require.Equal(t, "A reader", got.VerifiedBy)
	require.Equal(t, pipeline.MarkPrimary, got.Source.Mark)
	for _, tt := range []struct {
		id, on string
		want   bool
	}{
		{"DE", "1999-01-01", true}, {"FR", "2026-11-30", false}, {"FR", "2026-12-01", true},
		{"GB", "2026-11-30", true}, {"GB", "2026-12-01", false}, {"IT", "2026-12-01", false}, {"de", "2026-12-01", false},
	} {
		require.Equal(t, tt.want, got.Holds(tt.id, tt.on), "%s on %s", tt.id, tt.on)
	}

	for change, want := range map[string]string{
		"list: places|list: Places!":                                  "1:7: the name of a list",
		"as_of: 2026-11-23|as_of: 2026-13-23":                         "3:8: \"2026-13-23\" is no date",
		"review_by: 2027-02-28\n|":                                    `the list has no "review_by"`,
		"url: \"https://example.org/notice\"|url: example":            "4:32: \"example\" is no web address",
		"mark: primary|mark: sure":                                    "is no mark",
		"members: [DE|members: [\"\"":                                 "7:11: a member is a word",
		"from: 2026-12-01|from: 2026-12-01, to: 2026-11-01":           "the member ends on 2026-11-01, before it starts",
		"from: 2026-12-01|until: 2026-12-01":                          "until",
		"source: {title: A notice, url|source: {title: \"\", url":     "the citation has no \"title\"",
		"members: [DE, {id: FR, from: 2026-12-01}, {id: GB, to|x: [{": "x",
	} {
		old, changed, _ := strings.Cut(change, "|")
		require.Contains(t, list, old)
		_, err := policy.LoadList(strings.NewReader(strings.Replace(list, old, changed, 1)), "places.yaml")
		require.ErrorIs(t, err, pipeline.ErrInvalid, change)
		require.ErrorContains(t, err, want, change)
	}
}

// Every list that ships says whether somebody has held it against its source.
func TestShippedLists(t *testing.T) {
	t.Parallel()
	lib, err := policy.NewLibrary()
	require.NoError(t, err)
	require.Greater(t, len(lib.Lists()), 10)
	for _, l := range lib.Lists() {
		require.NotEmpty(t, l.Source.URL, l.Name)
		require.NotEmpty(t, l.ReviewBy, l.Name)
		require.NotEmpty(t, l.Source.Mark, l.Name)
	}
}

// A rule looks into lists as on the day, and is stale where a list is.
func TestListed(t *testing.T) {
	t.Parallel()
	l, err := policy.LoadList(strings.NewReader(list), "places.yaml")
	require.NoError(t, err)
	lib, err := policy.NewLibrary(l)
	require.NoError(t, err)
	pack, err := lib.Load(strings.NewReader(rule{when: `listed(destination.country, "places")`}.text()), "test.yaml")
	require.NoError(t, err)
	require.False(t, pack.Rules[0].Unverified)
	outcomes := func(country, on string) string {
		var set pipeline.FactSet
		set.Set("destination.country", country, pipeline.BasisDeclared)
		out := ""
		for _, f := range judgeOn(t, pack, &set, dayOf(t, on)) {
			out += fmt.Sprintf("%s stale=%t", f.Outcome, f.Stale)
		}
		return out
	}
	require.Equal(t, "matched stale=false", outcomes("FR", "2026-12-01"))
	require.Empty(t, outcomes("FR", "2026-11-30"))
	require.Equal(t, "matched stale=false", outcomes("GB", "2026-11-30"))
	require.Empty(t, outcomes("GB", "2027-02-28"))
	require.Equal(t, "not_matched stale=true", outcomes("GB", "2027-03-01"))
	require.Equal(t, "matched stale=true", outcomes("DE", "2027-03-01"))

	_, err = policy.Load(strings.NewReader(rule{when: `listed(destination.country, "no-such-list")`}.text()), "test.yaml")
	require.ErrorIs(t, err, pipeline.ErrInvalid)
	require.ErrorContains(t, err, `test.yaml:9:40: there is no list "no-such-list"`)
	_, err = policy.Load(strings.NewReader(rule{when: `listed(destination.country, weights.access)`}.text()), "test.yaml")
	require.ErrorContains(t, err, "the name of a list, in quotes")
	_, err = policy.Load(strings.NewReader(rule{when: `listed(params.lower, "us-d5")`}.text()), "test.yaml")
	require.ErrorContains(t, err, "test.yaml:9:")
}

func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// A pack brings rules and lists along from files beside it, and is named by all of them.
func TestInclude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "lists/places.yaml", list)
	write(t, dir, "parts/one.yaml", rule{when: "params.upper > 5"}.text())
	whole := "pack: whole\nversion: \"1\"\ntitle: Whole\ninclude: [parts/one.yaml]\nlists: [lists/places.yaml]\nrules:\n" +
		strings.SplitN(strings.ReplaceAll(rule{when: `listed(destination.country, "places")`}.text(), "T-01", "T-02"), "rules:\n", 2)[1]
	file := write(t, dir, "whole.yaml", whole)
	pack, err := policy.LoadFile(file)
	require.NoError(t, err)
	require.Len(t, pack.Rules, 2)
	require.Equal(t, "T-01", pack.Rules[0].ID)
	require.NotEqual(t, pipeline.DigestBytes([]byte(whole)), pack.Digest)
	before := pack.Digest
	write(t, dir, "lists/places.yaml", strings.Replace(list, "[DE", "[AT", 1))
	pack, err = policy.LoadFile(file)
	require.NoError(t, err)
	require.NotEqual(t, before, pack.Digest, "a list that changed is another pack")
}

func TestIncludeRefuses(t *testing.T) {
	t.Parallel()
	head := func(include string) string {
		return "pack: p\nversion: \"1\"\ntitle: P\ninclude: [" + include + "]\nrules:\n" + strings.SplitN(rule{when: "params.upper > 5"}.text(), "rules:\n", 2)[1]
	}
	dir := t.TempDir()
	write(t, dir, "a.yaml", head("b.yaml"))
	write(t, dir, "b.yaml", strings.ReplaceAll(head("a.yaml"), "T-01", "T-02"))
	write(t, dir, "self.yaml", head("self.yaml"))
	write(t, dir, "out.yaml", head("../other.yaml"))
	write(t, dir, "absolute.yaml", head("/etc/passwd"))
	write(t, dir, "none.yaml", head("missing.yaml"))
	write(t, dir, "twice.yaml", head("plain.yaml"))
	write(t, dir, "plain.yaml", rule{when: "params.upper > 5"}.text())
	write(t, dir, "broken.yaml", head("bad.yaml"))
	write(t, dir, "bad.yaml", rule{when: "params.uper > 5"}.text())
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "link.yaml")))
	write(t, dir, "linked.yaml", head("link.yaml"))
	for name, want := range map[string]string{
		"a.yaml":        "a.yaml:4:11: the included pack does not load: b.yaml:4:11: the packs include each other in a circle: a.yaml, then b.yaml, then a.yaml",
		"self.yaml":     "self.yaml:4:11: the packs include each other in a circle",
		"out.yaml":      "out.yaml:4:11: \"../other.yaml\" is no path below the folder of the pack",
		"absolute.yaml": "absolute.yaml:4:11: \"/etc/passwd\" is no path below",
		"none.yaml":     "none.yaml:4:11: \"missing.yaml\" cannot be opened",
		"twice.yaml":    "is given twice",
		"broken.yaml":   "bad.yaml:9:",
		"linked.yaml":   "linked.yaml:4:11: \"link.yaml\" cannot be opened",
	} {
		_, err := policy.LoadFile(filepath.Join(dir, name))
		require.ErrorIs(t, err, pipeline.ErrInvalid, name)
		require.ErrorContains(t, err, want, name)
	}
	_, err := policy.Load(strings.NewReader(head("plain.yaml")), "p.yaml")
	require.ErrorContains(t, err, "brings no other files along")
}

// A pack of fifty megabytes is refused after the first, with the place.
func TestLoadRefusesAHugePack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, dir, "huge.yaml", sound+strings.Repeat("# "+strings.Repeat("x", 1022)+"\n", 50<<10))
	_, err := policy.LoadFile(file)
	require.ErrorIs(t, err, pipeline.ErrOverLimit)
	require.ErrorContains(t, err, "huge.yaml:1")
	require.ErrorContains(t, err, "larger than 1 MiB")
}
