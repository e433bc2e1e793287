package license

import (
	"bufio"
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"weighbridge/pipeline"
)

// statement is what a manifest says of a licence.
type statement struct {
	// where is the key, as a path.
	where string
	// declared is the licence, name its name where declared is "other", link the file or
	// the address of a text.
	declared, link string
}

// mostStatements bounds what is taken from one manifest.
const mostStatements = 20

// longestStatement bounds a licence in a manifest, in bytes. What is longer is a text.
const longestStatement = 500

// manifestOf returns what reads the manifest of that name, nil where it is none. The
// formats are read as far as the licence needs: pyproject.toml (PEP 621 and 639, and
// Poetry's table), setup.cfg (setuptools), Cargo.toml (the Cargo book), package.json (npm)
// and CITATION.cff (1.2.0).
func manifestOf(objectPath string) func([]byte) []statement {
	switch path.Base(objectPath) {
	case "pyproject.toml", "Cargo.toml", "setup.cfg":
		return parseTables
	case "package.json":
		return parsePackage
	case "CITATION.cff":
		return parseCitation
	}
	return nil
}

func manifestRecords(object string, statements []statement) []pipeline.LicenseRecord {
	var out []pipeline.LicenseRecord
	for _, s := range statements[:min(len(statements), mostStatements)] {
		if s.declared == "" && s.link == "" || len(s.declared) > longestStatement || len(s.link) > longestStatement {
			continue
		}
		out = append(out, pipeline.LicenseRecord{At: pipeline.Evidence{Object: object, Where: s.where}, Kind: pipeline.RecordManifest,
			Declared: s.declared, Link: s.link, Covers: coversCode})
	}
	return out
}

// tables lists the tables of pyproject.toml, Cargo.toml and setup.cfg that hold a licence.
var tables = map[string]bool{"project": true, "tool.poetry": true, "package": true, "workspace.package": true, "metadata": true,
	"project.license": true}

// parseTables reads lines of "key = value" below headings in brackets, which TOML and
// setup.cfg have in common. It takes values that stand on one line, and the classifiers of
// Python packages, one a line.
func parseTables(text []byte) []statement {
	var out []statement
	table := ""
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, MaxText)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if len(line) > 1 && line[0] == '[' && line[len(line)-1] == ']' && !strings.ContainsAny(line, `"'`) {
			table = strings.TrimSpace(strings.Trim(line, "[]"))
			continue
		}
		if !tables[table] {
			continue
		}
		if name, ok := classified(line); ok {
			out = append(out, statement{where: table + ".classifiers", declared: name})
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		out = append(out, tableValue(table, strings.Trim(strings.TrimSpace(key), `"'`), strings.TrimSpace(value))...)
	}
	return out
}

func tableValue(table, key, value string) []statement {
	where := table + "." + key
	switch {
	case table == "project.license" && key == "text", key == "license" && !strings.HasPrefix(value, "{"), key == "license-expression":
		return []statement{{where: where, declared: scalar(value)}}
	case table == "project.license" && key == "file", key == "license-file", key == "license_file":
		return []statement{{where: where, link: scalar(value)}}
	case key != "license":
		return nil
	}
	var s statement
	s.where = where
	for part := range strings.SplitSeq(strings.Trim(value, "{}"), ",") {
		inner, v, _ := strings.Cut(part, "=")
		switch strings.TrimSpace(inner) {
		case "text":
			s.declared = scalar(strings.TrimSpace(v))
		case "file":
			s.link = scalar(strings.TrimSpace(v))
		}
	}
	return []statement{s}
}

// scalar takes the quotes and the comment off a value. A text over several lines is none.
func scalar(value string) string {
	if strings.HasPrefix(value, `"""`) || strings.HasPrefix(value, "'''") {
		return ""
	}
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		inside, _, closed := strings.Cut(value[1:], value[:1])
		if !closed {
			return ""
		}
		return strings.TrimSpace(inside)
	}
	value, _, _ = strings.Cut(value, " #")
	return strings.TrimSpace(value)
}

// classifiers are the classifiers of the Python package index that name one licence.
var classifiers = map[string]string{
	"Apache Software License": "", // which version, it does not say
	"MIT License":             "MIT", "MIT No Attribution License (MIT-0)": "MIT-0", "ISC License (ISCL)": "ISC",
	"Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "The Unlicense (Unlicense)": "Unlicense", "zlib/libpng License": "Zlib",
	"GNU General Public License v2 (GPLv2)": "GPL-2.0-only", "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
	"GNU General Public License v3 (GPLv3)": "GPL-3.0-only", "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
	"GNU Affero General Public License v3": "AGPL-3.0-only", "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
	"GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only", "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
	"Boost Software License 1.0 (BSL-1.0)": "BSL-1.0", "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
	"Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0", "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
}

// classified reads a line that holds a licence classifier. ok is true for one that names
// no single licence too, with no name.
func classified(line string) (id string, ok bool) {
	line = strings.Trim(strings.TrimSpace(line), `"',`)
	rest, ok := strings.CutPrefix(line, "License :: ")
	if !ok {
		return "", false
	}
	return classifiers[strings.TrimPrefix(rest, "OSI Approved :: ")], true
}

// parsePackage reads package.json: "license" as a text or an object, or the "licenses" of
// old.
func parsePackage(text []byte) []statement {
	var doc struct {
		License  json.RawMessage   `json:"license"`
		Licenses []json.RawMessage `json:"licenses"`
	}
	if json.Unmarshal(text, &doc) != nil {
		return nil
	}
	var out []statement
	for i, raw := range append([]json.RawMessage{doc.License}, doc.Licenses...) {
		where := "$.license"
		if i > 0 {
			where = "$.licenses"
		}
		var plain string
		var object struct {
			Type string `json:"type"`
			URL  string `json:"url"`
		}
		switch {
		case len(raw) == 0:
		case json.Unmarshal(raw, &plain) == nil:
			if file, see := strings.CutPrefix(plain, "SEE LICENSE IN "); see {
				out = append(out, statement{where: where, link: strings.Trim(file, "<> ")})
			} else {
				out = append(out, statement{where: where, declared: strings.TrimSpace(plain)})
			}
		case json.Unmarshal(raw, &object) == nil:
			out = append(out, statement{where: where, declared: object.Type, link: object.URL})
		}
	}
	return out
}

// parseCitation reads "license" and "license-url" of CITATION.cff, which stand at the
// margin: a text, or a list of which each is open to choose, one a line or in brackets.
func parseCitation(text []byte) []statement {
	var ids []string
	link := ""
	listed := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, MaxText)
	for lines.Scan() {
		line := lines.Text()
		item, isItem := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if listed && isItem {
			ids = append(ids, scalar(strings.TrimSpace(item)))
			continue
		}
		listed = false
		if value, ok := strings.CutPrefix(line, "license:"); ok {
			value = strings.TrimSpace(value)
			if listed = value == ""; strings.HasPrefix(value, "[") {
				for part := range strings.SplitSeq(strings.Trim(value, "[]"), ",") {
					ids = append(ids, scalar(strings.TrimSpace(part)))
				}
			} else if !listed {
				ids = append(ids, scalar(value))
			}
		}
		if value, ok := strings.CutPrefix(line, "license-url:"); ok {
			link = scalar(strings.TrimSpace(value))
		}
	}
	declared := strings.Join(ids[:min(len(ids), mostStatements)], " OR ")
	return []statement{{where: "$.license", declared: declared, link: link}}
}
