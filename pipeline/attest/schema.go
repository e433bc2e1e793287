package attest

import (
	_ "embed" // the schema
	"slices"
)

//go:embed approval.schema.json
var approvalSchema []byte

// ApprovalSchema returns the JSON Schema (draft 2020-12) of the predicate of an approval.
func ApprovalSchema() []byte { return slices.Clone(approvalSchema) }
