package webui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
	"weighbridge/pipeline/report"
)

//go:embed templates
var templateFiles embed.FS

// pageSet holds the templates by language and page. A page is a file that defines "title"
// and "main", and fragments of its own; layout.html.tmpl is around it, and
// parts.html.tmpl is for all.
type pageSet map[string]map[string]*template.Template

// layoutFiles are parsed with every page.
var layoutFiles = [...]string{"templates/layout.html.tmpl", "templates/parts.html.tmpl", "templates/answer_parts.html.tmpl"}

func (s *Site) loadPages() (pageSet, error) {
	files, err := fs.Glob(templateFiles, "templates/*.html.tmpl")
	if err != nil {
		return nil, err
	}
	set := pageSet{}
	for _, words := range s.languages {
		base, err := template.New("").Funcs(s.functions(words)).Funcs(s.caseFunctions()).ParseFS(templateFiles, layoutFiles[:]...)
		if err != nil {
			return nil, fmt.Errorf("the layout: %w", err)
		}
		set[words.Tag] = map[string]*template.Template{}
		for _, file := range files {
			if slices.Contains(layoutFiles[:], file) {
				continue
			}
			page, err := base.Clone()
			if err == nil {
				page, err = page.ParseFS(templateFiles, file)
			}
			if err != nil {
				return nil, fmt.Errorf("the page %s: %w", file, err)
			}
			set[words.Tag][strings.TrimSuffix(path.Base(file), ".html.tmpl")] = page
		}
	}
	return set, nil
}

// functions are what templates can call.
func (s *Site) functions(w *Words) template.FuncMap {
	at := func(t any) time.Time {
		switch t := t.(type) {
		case time.Time:
			return t.In(s.location)
		case *time.Time:
			if t != nil {
				return t.In(s.location)
			}
		}
		return time.Time{}
	}
	return template.FuncMap{
		// t is a message, word the message of a word of a family.
		"t": w.T, "word": w.Word,
		// pieces are the texts of a message around its arguments, for those that are more
		// than text.
		"pieces": w.pieces,
		// lacking says who must still approve, takes what the answer to a question may be.
		"lacking": w.lacking, "takes": w.takes, "takesone": w.takesOne, "sentence": upper,
		// label, called and described are of a fact by its name, choice of one of its words.
		"label": w.label, "called": w.called, "described": w.described, "choice": w.choice,
		// english is an English text of the program.
		"english": w.inEnglish,
		// role is a role of the desk in words; offices are names of their own.
		"role": func(role pipeline.ActorRole) string {
			if slices.Contains(pipeline.DeskRoles(), role) {
				return w.Word("role", role)
			}
			return report.Clean(string(role))
		},
		// text makes what cannot be seen in a text from elsewhere visible.
		"text":  cleanText,
		"count": func(n any) string { return w.write(n) },
		"size": func(n int64) string {
			if n < 1000 {
				return w.T("case.object.bytes", n)
			}
			return report.Size(n)
		},
		"iso":    func(t any) string { return at(t).Format(time.RFC3339) },
		"date":   func(t any) string { return w.Date(at(t)) },
		"minute": func(t any) string { return w.Minute(at(t)) },
		// exact is a time to the second.
		"exact": func(t any) string { return at(t).Format(w.T("time.exact")) },
		// day is a day of UTC without its year, for the scale of a chart.
		"day": func(t time.Time) string { return t.UTC().Format(w.T("time.day")) },
		// span is how far a time is from now.
		"span":   func(t any) string { return w.Span(s.now().Sub(at(t))) },
		"past":   func(t any) bool { return !at(t).After(s.now()) },
		"static": s.static.path,
		"dict":   dict, "join": strings.Join,
		// lines is text with its line ends kept.
		"lines": cleanLines,
		"parts": messageParts,
		// web is an address that may be a link, "" for any other.
		"web": webAddress,
	}
}

// cleanText writes a text, or what a pointer to one points to, and makes what cannot be
// seen in it visible.
func cleanText(v any) string {
	switch v := v.(type) {
	case string:
		return report.Clean(v)
	case *string:
		if v == nil {
			return ""
		}
		return report.Clean(*v)
	}
	return report.Clean(fmt.Sprint(v))
}

func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = report.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// dict makes a map of pairs, for templates that are called with more than one thing.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict takes pairs, and got %d values", len(pairs))
	}
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("the key %v of dict is no text", pairs[i])
		}
		out[key] = pairs[i+1]
	}
	return out, nil
}

// frame is what the layout shows around a page. Templates of pages find it too.
type frame struct {
	// Who is who asks, Words the language.
	Who   access.Identity
	Words *Words
	// Here is the page's own path with its query, for forms that come back to it.
	Here string
	// Page names the template.
	Page      string
	Languages []*Words
	Nav       []navItem
	// Said is the key of a message on what was just done, "" for none.
	Said string
	// V is what the page itself shows.
	V any
}

// navItem is a line of the menu.
type navItem struct {
	Path, Key string
	Current   bool
}

// Reader reports whether all cases may be seen.
func (f frame) Reader() bool { return f.Who.Sees() }

// Can reports whether who asks holds one of the roles.
func (f frame) Can(roles ...pipeline.ActorRole) bool { return f.Who.Actor.HasAny(roles...) }

// May reports whether who asks may use a route of the table.
func (f frame) May(pattern string) bool {
	i := slices.IndexFunc(routeTable, func(row access.Route) bool { return row.Pattern == pattern })
	return i >= 0 && routeTable[i].Admits(f.Who)
}

// routeTable is never changed after it was made.
var routeTable = access.Table()

// navOf is the line of the menu that a page belongs to, where that is not its own name.
func navOf(page string) string {
	switch page {
	case "case", "object", "voted":
		return "queue"
	case "pack", "preview":
		return "packs"
	case "check":
		return "checks"
	case "token":
		return "tokens"
	}
	return page
}

// nav lists the pages that somebody may open.
func nav(who access.Identity, page string) []navItem {
	page = navOf(page)
	var out []navItem
	for _, item := range []struct{ path, page string }{
		{"/queue", "queue"}, {"/submit", "submit"}, {"/checks", "checks"}, {"/packs", "packs"}, {"/overview", "overview"},
		{"/exceptions", "exceptions"}, {"/audit", "audit"}, {"/notices", "notices"}, {"/tokens", "tokens"},
	} {
		if (frame{Who: who}).May("GET " + item.path) {
			out = append(out, navItem{Path: item.path, Key: "nav." + item.page, Current: item.page == page})
		}
	}
	return out
}

// words returns the language of a reader: the one that they chose, else the one that fits
// their browser's list.
func (s *Site) words(r *http.Request) *Words {
	tags := make([]language.Tag, len(s.languages))
	for i, w := range s.languages {
		tags[i] = w.tag
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		for _, w := range s.languages {
			if w.Tag == c.Value {
				return w
			}
		}
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(wanted) == 0 {
		return s.languages[0]
	}
	_, i, sure := language.NewMatcher(tags).Match(wanted...)
	if sure == language.No {
		i = 0
	}
	return s.languages[i]
}

// render answers with a page. The page is made before the first byte is sent, so that a
// fault becomes an error page.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, page string, v any) error {
	return s.execute(w, r, status, page, "layout", v)
}

// fragment answers with a part of a page, for script that puts it into the page.
func (s *Site) fragment(w http.ResponseWriter, r *http.Request, page, name string, v any) error {
	return s.execute(w, r, http.StatusOK, page, name, v)
}

func (s *Site) execute(w http.ResponseWriter, r *http.Request, status int, page, name string, v any) error {
	words, who := s.words(r), access.Of(r.Context())
	f := frame{Who: who, Words: words, Here: r.URL.RequestURI(), Page: page, Languages: s.languages, Nav: nav(who, page), V: v, Said: said(r)}
	if r.Method != http.MethodGet {
		f.Here = "/"
	}
	var b bytes.Buffer
	t := s.pages[words.Tag][page]
	if t == nil {
		return fmt.Errorf("there is no page %s", page)
	}
	if err := t.ExecuteTemplate(&b, name, f); err != nil {
		return fmt.Errorf("make the page %s: %w", page, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", words.Tag)
	h.Add("Vary", "Accept-Language, Cookie, HX-Request")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may be gone
	return nil
}

// partial reports whether script asks for a part of a page.
func partial(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// done sends a browser on after a form was taken: to a path of this desk, with the key of
// what was done, one of [doneKeys].
func (s *Site) done(w http.ResponseWriter, r *http.Request, to, key string) error {
	u, err := url.Parse(access.LocalPath(to))
	if err != nil {
		return err
	}
	if key != "" {
		q := u.Query()
		q.Set("done", key)
		u.RawQuery = q.Encode()
	}
	http.Redirect(w, r, u.String(), http.StatusSeeOther) //nolint:gosec // only paths of this desk come here
	return nil
}

// said returns the message on what was just done.
func said(r *http.Request) string {
	if key := r.URL.Query().Get("done"); slices.Contains(doneKeys[:], key) {
		return "done." + key
	}
	return ""
}

// doneKeys are what forms come to: each has a message done.KEY.
var doneKeys = [...]string{
	"decided", "claimed", "released", "assigned", "commented", "attached", "answered", "revoked", "linked", "links_ended",
	"granted", "ended", "token_revoked", "retried",
}
