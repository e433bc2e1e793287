package webui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/vocabulary"
)

// pagesOf are addresses of every page of a desk with a case.
func pagesOf(c pipeline.Case) []string {
	at := "/cases/" + c.ID.String()
	return []string{"/queue", "/queue?view=all&verdict=review", "/queue?view=settled", at, "/submit", "/checks", "/packs", "/packs/seed-article", "/packs/us-ear",
		"/audit", "/audit?order=oldest&kind=opened", "/overview", "/overview?days=90", "/exceptions", "/exceptions?all=1", "/tokens", "/notices", "/nowhere", "/sign-in"}
}

func TestEveryPageIsSound(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	llama, _, _ := threeCases(d)
	all := d.person("everybody", pipeline.DeskRoles()...)
	require.Equal(t, http.StatusSeeOther, d.post(all, "/exceptions", grantForm()).status)
	missing := regexp.MustCompile(`\[[a-z_]+\.[a-z_.]+\]`)
	for _, tag := range []string{"en", "zh-Hans"} {
		for _, path := range pagesOf(llama) {
			page := d.get(all, path, "Cookie", "weighbridge-language="+tag)
			require.NotNil(t, page.doc, path)
			require.Less(t, page.status, 500, path)
			require.Equal(t, tag, attr(page.all("html", "", "")[0], "lang"), path)
			require.Equal(t, tag, page.header.Get("Content-Language"), path)
			if !strings.HasPrefix(path, "/packs/") { // examples of rules name facts in brackets
				require.NotRegexp(t, missing, text(page.doc), "%s in %s", path, tag)
			}
			requireInert(t, page, path)
			requireSound(t, page, path)
		}
	}
}

// What a page in Chinese says in English is marked as English, for those who hear it, or is
// a name; and nothing of it is what the catalogue has in Chinese.
func TestChinesePagesMarkWhatIsEnglish(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	inChinese := []string{"Cookie", "weighbridge-language=zh-Hans"}
	waits := asked(t, d)
	llama := d.weigh("llama-3-70b", "llama-3-70b", "sam", app.Run{})
	rita := d.person("rita", pipeline.RoleReviewer, pipeline.RoleAuditor)
	at := "/cases/" + llama.ID.String()
	_, link, err := d.mux.MakeLink(t.Context(), access.Identity{Actor: actor("rita", pipeline.RoleReviewer)}, waits.ID, time.Hour)
	require.NoError(t, err)
	for _, path := range append(pagesOf(llama), at+"/file", at+"?ask=1", "/cases/"+waits.ID.String()) {
		requireOwnLanguage(t, d.get(rita, path, inChinese...), path)
	}

	// These show nothing that a pack, a file or a person wrote: they have no English at all.
	form := url.Values{"source": {d.lay("gpt-oss-20b", "g")}, "step": {"draft"}}
	drafted := d.post(d.person("sue", pipeline.RoleSubmitter), "/submit", form, inChinese...)
	require.NotEmpty(t, drafted.all("input", "name", "drafted"))
	own := d.get(d.person("sam", pipeline.RoleSubmitter), "/submit?case="+llama.ID.String(), inChinese...)
	for name, page := range map[string]answer{"a form": drafted, "an answer": d.get("", link, inChinese...), "again": own} {
		require.Equal(t, http.StatusOK, page.status, name)
		requireOwnLanguage(t, page, name)
		each(page.doc, func(n *html.Node) {
			// The menu of languages names English in English.
			require.False(t, n.Data != "button" && strings.HasPrefix(attr(n, "lang"), "en"), "%s: %s", name, text(n))
		})
	}
}

// requireOwnLanguage holds a page in Chinese to saying nothing in English that is not marked
// as such, and no description of a fact at all.
func requireOwnLanguage(t *testing.T, page answer, name string) {
	t.Helper()
	english := map[string]bool{}
	for fact, f := range stated() {
		english[vocabulary.FirstSentence(f.Doc)] = true
		_, ok := vocabulary.FindFact(fact)
		require.True(t, ok, fact)
	}
	for _, fact := range ruled(t) {
		f, ok := vocabulary.FindFact(fact)
		require.True(t, ok, fact)
		english[vocabulary.FirstSentence(f.Doc)] = true
	}
	words, command := regexp.MustCompile(`[A-Za-z]+ [a-z]+ [a-z]+`), regexp.MustCompile(`“weighbridge [a-z ]+”`)
	read := func(text, lang string) {
		text = strings.Join(strings.Fields(text), " ")
		require.False(t, english[text], "%s: %s", name, text)
		if lang == "zh-Hans" {
			require.NotRegexp(t, words, command.ReplaceAllString(text, ""), name)
		}
	}
	var look func(n *html.Node, lang string)
	look = func(n *html.Node, lang string) {
		if own := attr(n, "lang"); own != "" {
			lang = own
		}
		if lang == "en-GB" {
			return // a part of the report, as it is stored and sent
		}
		for _, key := range []string{"title", "aria-label", "placeholder", "alt"} {
			read(attr(n, key), lang)
		}
		switch {
		case n.Data == "pre" && attr(n, "id") != "skeleton", attr(n, "class") == "said-text", slices.Contains([]string{"code", "bdi", "style", "script", "blockquote", "q"}, n.Data):
			return // names, and what somebody wrote
		case n.Type == html.TextNode:
			read(n.Data, lang)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			look(c, lang)
		}
	}
	look(page.doc, "")
}

// requireSound holds a page to what people need who cannot see it, or use no pointer.
func requireSound(t *testing.T, page answer, path string) {
	t.Helper()
	require.Len(t, page.all("h1", "", ""), 1, path)
	require.Len(t, page.all("main", "id", "main"), 1, path)
	require.Len(t, page.all("a", "class", "skip"), 1, path)
	require.NotEmpty(t, strings.TrimSpace(text(page.all("title", "", "")[0])), path)
	ids, labelled, level := map[string]bool{}, map[string]bool{}, 0
	each(page.doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			require.False(t, ids[id], "%s: the id %s is there twice", path, id)
			ids[id] = true
		}
		if n.Data == "time" {
			require.Regexp(t, `\d\d:\d\d:\d\d UTC$`, attr(n, "title"), "%s: a time is told exactly", path)
			require.Regexp(t, `^\d{4}-.*Z$`, attr(n, "datetime"), path)
		}
		if n.Data == "label" && attr(n, "for") != "" {
			labelled[attr(n, "for")] = true
		}
		if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
			now := int(n.Data[1] - '0')
			require.LessOrEqual(t, now, level+1, "%s: a heading skips a level: %s", path, text(n))
			level = now
			require.NotEmpty(t, text(n), path)
		}
	})
	each(page.doc, func(n *html.Node) {
		for _, name := range []string{"aria-labelledby", "aria-describedby", "aria-controls"} {
			for id := range strings.FieldsSeq(attr(n, name)) {
				require.True(t, ids[id], "%s: %s names %s, which is not there", path, name, id)
			}
		}
		switch n.Data {
		case "input", "select", "textarea":
			kind := attr(n, "type")
			if kind == "hidden" || kind == "submit" {
				return
			}
			inside := false
			for p := n.Parent; p != nil; p = p.Parent {
				inside = inside || p.Data == "label"
			}
			require.True(t, inside || labelled[attr(n, "id")] || attr(n, "aria-label") != "", "%s: the field %s has no label", path, attr(n, "name"))
		case "button", "a":
			if !hasAttr(n, "hidden") {
				require.True(t, text(n) != "" || attr(n, "aria-label") != "", "%s: a %s without words", path, n.Data)
			}
		case "th":
			require.True(t, attr(n, "scope") != "" || strings.TrimSpace(text(n)) == "", "%s: a head of a table without scope: %s", path, text(n))
		case "table":
			require.True(t, named(n), "%s: a table without a name", path)
		case "form":
			require.Contains(t, []string{"get", "post", "dialog"}, strings.ToLower(attr(n, "method")), path)
		}
	})
}

// named reports whether a table has a caption or a label, or stands in a part of the page
// that has a heading or a summary.
func named(table *html.Node) bool {
	if len(childrenOf(table, "caption")) > 0 || attr(table, "aria-label") != "" || attr(table, "aria-labelledby") != "" {
		return true
	}
	for p := table.Parent; p != nil; p = p.Parent {
		switch p.Data {
		case "details", "figure", "section", "article":
			for _, tag := range []string{"summary", "figcaption", "h2", "h3", "h4"} {
				if len(childrenOf(p, tag)) > 0 {
					return true
				}
			}
		}
	}
	return false
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func childrenOf(n *html.Node, tag string) []*html.Node {
	var out []*html.Node
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Data == tag {
			out = append(out, c)
		}
	}
	return out
}

func TestLanguageIsTheReadersOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	lang := func(headers ...string) string {
		return attr(d.get("", "/sign-in", headers...).all("html", "", "")[0], "lang")
	}
	for header, want := range map[string]string{"": "en", "zh-CN,zh;q=0.9,en;q=0.5": "zh-Hans", "zh": "zh-Hans", "de-DE,de": "en", "fr, en;q=0.3": "en", ";;;q=x": "en",
		"en-GB,zh;q=0.9": "en"} {
		require.Equal(t, want, lang("Accept-Language", header), header)
	}
	require.Equal(t, "zh-Hans", lang("Accept-Language", "en", "Cookie", "weighbridge-language=zh-Hans"), "what was chosen comes first")
	require.Equal(t, "en", lang("Cookie", "weighbridge-language=../../x"))

	chosen := d.post("", "/language", url.Values{"language": {"zh-Hans"}, "next": {"/queue?view=all"}})
	require.Equal(t, "/queue?view=all", chosen.header.Get("Location"))
	cookie := chosen.header.Get("Set-Cookie")
	for _, want := range []string{"weighbridge-language=zh-Hans", "HttpOnly", "Secure", "SameSite=Lax"} {
		require.Contains(t, cookie, want)
	}
}

func TestMenuShowsWhatSomebodyMayOpen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for role, want := range map[pipeline.ActorRole][]string{
		pipeline.RoleSubmitter: {"/queue", "/submit", "/checks", "/packs", "/tokens"},
		pipeline.RoleAuditor:   {"/queue", "/checks", "/packs", "/overview", "/exceptions", "/audit", "/notices", "/tokens"},
		pipeline.RoleReviewer:  {"/queue", "/submit", "/checks", "/packs", "/overview", "/exceptions", "/audit", "/tokens"},
		pipeline.RoleAdmin:     {"/queue", "/checks", "/packs", "/overview", "/exceptions", "/audit", "/notices", "/tokens"},
	} {
		token := d.person("p-"+string(role), role)
		page := d.get(token, "/queue")
		var got []string
		for _, n := range page.all("nav", "class", "pages") {
			each(n, func(n *html.Node) {
				if n.Data == "a" {
					got = append(got, attr(n, "href"))
				}
			})
		}
		require.Equal(t, want, got, role)
		for _, path := range got {
			require.Equal(t, http.StatusOK, d.get(token, path).status, "%s as %s", path, role)
		}
	}
}
