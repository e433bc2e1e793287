package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/httpapi"
	"weighbridge/pipeline"
)

// A public validator accepts the document, and the document names every route.
func TestDocument(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ok, faults := d.valid.ValidateDocument()
	require.True(t, ok, faultsOf(faults))

	resp, err := http.Get(d.url + httpapi.Prefix + "/openapi.json")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode, "nobody has to be known")
	require.Equal(t, "application/openapi+json", resp.Header.Get("Content-Type"))
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	read(t, resp.Body, &doc)
	require.Equal(t, "3.1.0", doc.OpenAPI)
	ids := map[string]bool{}
	for _, row := range access.Table() {
		method, path, _ := strings.Cut(row.Pattern, " ")
		below, is := strings.CutPrefix(path, httpapi.Prefix)
		if !is || below == "/openapi.json" {
			continue
		}
		op, named := doc.Paths[below][strings.ToLower(method)]
		require.True(t, named, row.Pattern)
		require.NotEmpty(t, op.Summary, row.Pattern)
		require.False(t, ids[op.OperationID], op.OperationID)
		ids[op.OperationID] = true
	}
	for _, s := range pipeline.States() {
		require.Contains(t, doc.Components.Schemas["Case"].Properties["state"].Enum, string(s))
	}
	for _, r := range pipeline.ReasonCodes() {
		require.Contains(t, doc.Components.Schemas["DecisionAsked"].Properties["reason"].Enum, string(r), "what is taken is what there is")
	}
	require.Len(t, doc.Components.Schemas["DecisionAsked"].Properties["reason"].Enum, len(pipeline.ReasonCodes()))
	require.Len(t, doc.Components.Schemas["DecisionAsked"].Properties["kind"].Enum, len(pipeline.DecisionKinds()))
	require.NotContains(t, d.mux.Complete().Error(), " "+httpapi.Prefix, "every route of the table is there")
}
