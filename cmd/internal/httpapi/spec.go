package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	strict "github.com/go-json-experiment/json"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
)

const schemaPrefix = "#/components/schemas/"

// config is the framework's, without the pages and links that it would add.
func (a *api) config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Weighbridge", Version: app.Version,
				Description: "Have models checked, read their cases, and decide them. Weighbridge is not a lawyer: nothing here says whether a transfer may take place. " +
					"Errors are problem documents (RFC 9457). A POST may name an " + KeyHeader + ", so that it is done once however often it is sent."},
			Servers: []*huma.Server{{URL: Prefix}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", Description: "A token of a person or of a machine, as the desk makes them."},
					"session": {Type: "apiKey", In: "cookie", Name: "weighbridge", Description: "The session of a browser that has signed in. Where the desk is reached by https the cookie's name begins with __Host-."},
				},
			},
			Security: []map[string][]string{{"token": {}}, {"session": {}}},
		},
		// The framework looks problem documents up as "json".
		Formats:       map[string]huma.Format{"application/json": {Marshal: marshal, Unmarshal: unmarshal}, "json": {Marshal: marshal, Unmarshal: unmarshal}},
		DefaultFormat: "application/json", RejectUnknownQueryParameters: true, Transformers: []huma.Transformer{a.ours},
	}
}

func marshal(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// unmarshal takes names as they are written, each once, and UTF-8 only (RFC 8259, 4 and
// 8.1; I-JSON, RFC 7493).
func unmarshal(data []byte, v any) error {
	return strict.Unmarshal(data, v, strict.RejectUnknownMembers(true))
}

// describe adds to an operation what all have.
func (a *api) describe(op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = &huma.Response{Description: "The request was refused, or failed.",
		Content: map[string]*huma.MediaType{problemMedia: {Schema: a.errors}}}
	if op.Method == http.MethodPost {
		most := keyMax
		op.Parameters = append(op.Parameters, &huma.Param{Name: KeyHeader, In: "header", Description: "Names the request, so that it is done once. Answers are kept for two days.",
			Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most, Pattern: "^[!-~]+$"}})
	}
}

// answers describes an answer that is no JSON.
func answers(op huma.Operation, description string, media ...string) huma.Operation {
	content := map[string]*huma.MediaType{}
	for _, m := range media {
		content[m] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		if m == "application/json" || strings.HasSuffix(m, "+json") {
			content[m].Schema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
		}
	}
	op.Responses = map[string]*huma.Response{"200": {Description: description, Content: content}}
	return op
}

// document serves the OpenAPI document, and returns it.
func (a *api) document() ([]byte, error) {
	a.refine()
	text, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	a.mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(text)
	})
	return text, nil
}

// words lists what texts of some types can be.
func words() map[reflect.Type][]any {
	return map[reflect.Type][]any{
		reflect.TypeFor[pipeline.State]():         list(pipeline.States()...),
		reflect.TypeFor[pipeline.Verdict]():       list(verdicts()...),
		reflect.TypeFor[pipeline.Quorum]():        list(pipeline.QuorumOne, pipeline.QuorumTwo, pipeline.QuorumTwoAndLegal),
		reflect.TypeFor[pipeline.DecisionKind]():  list(append(pipeline.DecisionKinds(), pipeline.DecisionRevoke)...),
		reflect.TypeFor[pipeline.ReasonCode]():    list(pipeline.ReasonCodes()...),
		reflect.TypeFor[pipeline.RulingKind]():    list(rulingKinds()...),
		reflect.TypeFor[pipeline.ApprovalBound](): list(pipeline.BoundContent, pipeline.BoundStore),
		reflect.TypeFor[pipeline.CheckState]():    list(pipeline.CheckQueued, pipeline.CheckRunning, pipeline.CheckDone, pipeline.CheckFailed),
		reflect.TypeFor[pipeline.DeliveryState](): list(pipeline.DeliveryWaiting, pipeline.DeliveryDelivered, pipeline.DeliveryDead),
		reflect.TypeFor[pipeline.NoticeKind]():    list(pipeline.NoticeKinds()...),
	}
}

func list[T ~string](values ...T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func verdicts() []pipeline.Verdict {
	return []pipeline.Verdict{pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock}
}

func rulingKinds() []pipeline.RulingKind {
	return []pipeline.RulingKind{pipeline.RulingApproved, pipeline.RulingCleared, pipeline.RulingRejected, pipeline.RulingRevoked, pipeline.RulingWaiting, pipeline.RulingNone}
}

// refine says of schemas what the framework does not: that a member may be null where it
// is an object, and what the texts of the domain can be.
func (a *api) refine() {
	registry, known := a.huma.OpenAPI().Components.Schemas, words()
	for name, s := range registry.Map() {
		t := registry.TypeFromRef(schemaPrefix + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			property := s.Properties[member]
			if property == nil || member == "" {
				continue
			}
			if values := known[f.Type]; values != nil && property.Enum == nil {
				property.Enum = values
				if t == reflect.TypeFor[pipeline.DayCount]() {
					property.Enum = append(slices.Clone(values), "") // an event about no case
				}
				property.PrecomputeMessages()
			}
			switch {
			case f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omitempty"):
			case property.Ref != "":
				s.Properties[member] = &huma.Schema{Description: property.Description, AnyOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}}
			case property.Type != "":
				property.Nullable = true
			}
		}
	}
}
