package code

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"weighbridge/pipeline"
)

// A chat template is a Jinja program that a tokenizer runs over the turns of a chat. What
// it needs is loops, conditions and filters; libraries that run it without a sandbox were
// taken over through names such as __class__ (CVE-2024-34359 of llama-cpp-python).
var reaching = []struct {
	pattern *regexp.Regexp
	what    string
}{
	{regexp.MustCompile(`__[A-Za-z][A-Za-z0-9]*__`), "names %s"},
	{regexp.MustCompile(`(?i)\\x5f|\\u005f|\\137|\\N\{low line\}`), "spells an underscore as %s"},
	{regexp.MustCompile(`\|\s*attr\b`), "takes an attribute by a computed name (%s)"},
	{regexp.MustCompile(`\{%[-+]?\s*(?:import|include|from|extends)\b`), "loads another template (%s)"},
	{regexp.MustCompile(`\b(?:gi_frame|gi_code|cr_frame|f_globals|f_builtins|f_back|func_globals|mro)\b`), "names %s"},
	{regexp.MustCompile(`\b(?:popen|subprocess|os\.system|importlib|eval|exec)\b\s*[(.]`), "calls %s"},
	{regexp.MustCompile(`__['"]\s*[~+]|[~+]\s*['"]__|['"]_['"]\s*\*|\|\s*format\s*\(\s*['"]_`), "puts a name together from pieces (%s)"},
}

// suspicious says what a template does that no template of a chat needs. The whole text is
// looked through, between its tags too: where a tag ends is for Jinja to say.
func suspicious(template string) (what string, ok bool) {
	for _, r := range reaching {
		if hit := r.pattern.FindString(template); hit != "" {
			return "a template that " + fmt.Sprintf(r.what, shown(hit)), true
		}
	}
	return "", false
}

// isTemplate reports whether a normal name is that of a template.
func isTemplate(name string) bool {
	switch path.Ext(name) {
	case ".jinja", ".jinja2", ".j2", ".tmpl":
		return true
	}
	return strings.HasPrefix(path.Base(name), "chat_template")
}

// template looks at an object that is a template by its name, or text with the tags of one.
func (l *looker) template() {
	if !isTemplate(l.name) && !bytes.Contains(l.head, []byte("{%")) {
		return
	}
	if isTemplate(l.name) || bytes.Contains(l.head, []byte("messages")) {
		l.reaches(string(l.text()), "")
	}
}

// reaches records a template that reaches beyond what a template is for.
func (l *looker) reaches(template, where string) {
	if what, ok := suspicious(template); ok {
		l.add(pipeline.CodeRecord{At: pipeline.Evidence{Where: where}, Side: execution, What: what, Class: what})
	}
}
