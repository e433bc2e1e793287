package report

import (
	_ "embed" // the list of ids is part of the binary
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"sync"

	cdx "github.com/CycloneDX/cyclonedx-go"

	licencetable "weighbridge/pipeline/licence"
)

//go:embed spdx.schema.json
var spdxSchema []byte

// noAssertion is SPDX's word where nobody says what the licence is.
const noAssertion = "NOASSERTION"

// spdxIDs returns the ids that a bill of materials may name, by their small letters. A list
// that does not load is a fault of the program.
var spdxIDs = sync.OnceValue(func() map[string]string {
	var list struct {
		Enum []string `json:"enum"`
	}
	if err := json.Unmarshal(spdxSchema, &list); err != nil {
		panic(err)
	}
	out := make(map[string]string, len(list.Enum))
	for _, id := range list.Enum {
		out[strings.ToLower(id)] = id
	}
	return out
})

// licences writes a licence as it was stated, nil for none: as an id where the list of the
// schema has it, as an expression where it is a valid one of several or of licences by
// reference, else by the name that stands there. The link completes an id or a name where
// it is an address.
func licences(declared, name, link string) *cdx.Licenses {
	if strings.EqualFold(declared, "other") && name != "" {
		declared = name
	}
	if declared == "" {
		declared = name
	}
	if declared == "" || strings.EqualFold(declared, noAssertion) {
		return nil
	}
	candidates := []string{declared}
	if l, ok := licencetable.Lookup(declared, name); ok {
		if l.ID == noAssertion {
			return nil
		}
		candidates = []string{l.ID, declared}
	}
	one := &cdx.License{Acknowledgement: cdx.LicenseAcknowledgementDeclared, URL: address(link)}
	for _, text := range candidates {
		if id, ok := spdxIDs()[strings.ToLower(text)]; ok {
			one.ID = id
			return &cdx.Licenses{{License: one}}
		}
	}
	for i, text := range candidates {
		// A reference of the table's own is less to a reader than the name that was stated.
		lone := !strings.ContainsAny(text, " \t")
		if isExpression(text) && (!lone || i == len(candidates)-1) {
			stated := cdx.LicenseAcknowledgementDeclared
			return &cdx.Licenses{{Expression: text, Acknowledgement: &stated}}
		}
	}
	one.Name = declared
	return &cdx.Licenses{{License: one}}
}

// address returns a link where it is a plain web address, "" where it is not.
func address(link string) string {
	u, err := url.Parse(link)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(link) > mostBOMText {
		return ""
	}
	if strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }) {
		return ""
	}
	return link
}

var (
	reference = regexp.MustCompile(`^(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+$`)
	exception = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)
)

// mostParentheses bounds the nesting of an expression.
const mostParentheses = 50

// isExpression tells whether a text is an SPDX licence expression (SPDX 2.3, annex D) of ids
// of the list and of references.
func isExpression(text string) bool {
	tokens := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	depth, operand := 0, false // whether an operand stands before the next token
	for i := 0; i < len(tokens); i++ {
		switch token := tokens[i]; {
		case token == "(" && !operand:
			if depth++; depth > mostParentheses {
				return false
			}
		case token == ")" && operand && depth > 0:
			depth--
		case operand && (token == "AND" || token == "OR"):
			operand = false
		case operand && token == "WITH" && i+1 < len(tokens) && tokens[i-1] != ")" && exception.MatchString(tokens[i+1]):
			i++
		case !operand && isLicence(token):
			operand = true
		default:
			return false
		}
	}
	return operand && depth == 0
}

func isLicence(token string) bool {
	_, listed := spdxIDs()[strings.ToLower(strings.TrimSuffix(token, "+"))]
	return listed || reference.MatchString(token)
}
