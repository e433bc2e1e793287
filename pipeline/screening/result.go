package screening

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"weighbridge/pipeline"
)

// ResultSchema names the form of a result.
const ResultSchema = "weighbridge.screening/1"

// Bounds of a result.
const (
	maxResultBytes = 16 << 20
	maxParties     = 10_000
	maxPartyHits   = 1_000
)

// Result is what an outside service found. It does not change once loaded.
type Result struct {
	// Name is the file's name, for evidence, and Digest is over its bytes.
	Name    string
	Digest  pipeline.Digest
	Service string
	// Performed is when the service was asked.
	Performed time.Time
	Parties   []Screened
}

// Screened is a name that the service was asked for, with what it found.
type Screened struct {
	Name string
	Hits []pipeline.ScreeningHit
}

type resultFile struct {
	Schema      string       `json:"schema"`
	Service     string       `json:"service"`
	PerformedAt string       `json:"performed_at"`
	Parties     []resultName `json:"parties"`
}

type resultName struct {
	Name string      `json:"name"`
	Hits []resultHit `json:"hits"`
}

type resultHit struct {
	List  string   `json:"list"`
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Alias string   `json:"alias"`
	Score *float64 `json:"score"`
	Exact bool     `json:"exact"`
}

const resultHint = "write the result as " + ResultSchema + ": schema, service, performed_at, and parties with name and hits"

// LoadResult reads a result of at most 16 MiB from r. name is the file's name, without its
// folder. An error matches [pipeline.ErrInvalid] where the text is no such result,
// [pipeline.ErrOverLimit] where it is too large, and is the reader's own where reading
// fails.
func LoadResult(r io.Reader, name string) (*Result, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxResultBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the screening result: %w", err)
	}
	if len(text) > maxResultBytes {
		return nil, overLimit("%s is larger than 16 MiB", name)
	}
	var file resultFile
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: name + " is no screening result" + place(err), Hint: resultHint, Err: err}
	}
	c := &resultChecker{name: name}
	result := c.check(file)
	if c.err != nil {
		return nil, c.err
	}
	result.Name, result.Digest = name, pipeline.DigestBytes(text)
	return result, nil
}

// place says where in the text an error is.
func place(err error) string {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		return " (at " + string(semantic.JSONPointer) + ")"
	case errors.As(err, &syntactic):
		return fmt.Sprintf(" (at byte %d)", syntactic.ByteOffset)
	}
	return ""
}

// resultChecker keeps the first thing that is wrong.
type resultChecker struct {
	name string
	err  error
}

func (c *resultChecker) wrong(format string, args ...any) {
	if c.err == nil {
		c.err = &pipeline.Error{Code: pipeline.CodeInvalid, Message: c.name + ": " + fmt.Sprintf(format, args...), Hint: resultHint}
	}
}

// text checks a text that is needed.
func (c *resultChecker) text(what, value string, most int) string {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		c.wrong("%s is missing", what)
	case utf8.RuneCountInString(value) > most:
		c.wrong("%s is longer than %d characters", what, most)
	}
	return value
}

func (c *resultChecker) check(file resultFile) *Result {
	if file.Schema != ResultSchema {
		c.wrong("schema is not %q", ResultSchema)
	}
	r := &Result{Service: c.text("service", file.Service, maxWord)}
	var known bool
	if r.Performed, known = ParseTime(file.PerformedAt); !known {
		c.wrong("performed_at is no time such as 2026-11-23T09:30:00Z")
	}
	if file.Parties == nil {
		c.wrong("parties is missing")
	}
	if len(file.Parties) > maxParties {
		c.wrong("parties holds more than %d names", maxParties)
		return r
	}
	for i, p := range file.Parties {
		at := fmt.Sprintf("parties[%d]", i)
		screened := Screened{Name: c.text(at+".name", p.Name, MaxName)}
		if p.Hits == nil {
			c.wrong("%s.hits is missing: write [] where nothing was found", at)
		}
		if len(p.Hits) > maxPartyHits {
			c.wrong("%s.hits holds more than %d entries", at, maxPartyHits)
			return r
		}
		for j, h := range p.Hits {
			screened.Hits = append(screened.Hits, c.hit(fmt.Sprintf("%s.hits[%d]", at, j), h))
		}
		r.Parties = append(r.Parties, screened)
	}
	return r
}

func (c *resultChecker) hit(at string, h resultHit) pipeline.ScreeningHit {
	out := pipeline.ScreeningHit{List: c.text(at+".list", h.List, maxWord), ID: c.text(at+".id", h.ID, maxWord),
		Name: c.text(at+".name", h.Name, MaxName), Alias: strings.TrimSpace(h.Alias), Exact: h.Exact}
	if out.Alias == "" {
		out.Alias = out.Name
	}
	c.text(at+".alias", out.Alias, MaxName)
	switch {
	case h.Score != nil && *h.Score >= 0 && *h.Score <= 1:
		out.Score = *h.Score
	case h.Score == nil && h.Exact:
		out.Score = 1
	default:
		c.wrong("%s.score is no number from 0 to 1", at)
	}
	return out
}
