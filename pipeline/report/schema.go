package report

import (
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// Schema returns the JSON Schema (draft 2020-12) of a report, made from the types that
// are encoded. A copy is kept beside this package, and a test holds the two together.
// Unknown keys are allowed everywhere: keys may be added, and none changes its
// meaning.
func Schema() map[string]any {
	s := schemaOf(reflect.TypeFor[pipeline.Report]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Weighbridge report, version 1"
	properties := s["properties"].(map[string]any) //nolint:forcetypeassert // made by schemaOf from a struct
	properties["schema"] = map[string]any{"const": pipeline.ReportSchema}
	return s
}

// enums lists the types with a closed set of values.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[pipeline.Verdict]():          {pipeline.VerdictClear, pipeline.VerdictReview, pipeline.VerdictInconclusive, pipeline.VerdictBlock},
	reflect.TypeFor[pipeline.Effect]():           {pipeline.EffectBlock, pipeline.EffectReview, pipeline.EffectWarn, pipeline.EffectInfo},
	reflect.TypeFor[pipeline.Outcome]():          {pipeline.OutcomeMatched, pipeline.OutcomeNotMatched, pipeline.OutcomeUndetermined},
	reflect.TypeFor[pipeline.Mode]():             {pipeline.ModeEnforce, pipeline.ModeReport, pipeline.ModeOff},
	reflect.TypeFor[pipeline.Quorum]():           {pipeline.QuorumOne, pipeline.QuorumTwo, pipeline.QuorumTwoAndLegal},
	reflect.TypeFor[pipeline.InspectionStatus](): {pipeline.InspectionOK, pipeline.InspectionSkipped, pipeline.InspectionFailed, pipeline.InspectionMalformed},
	reflect.TypeFor[pipeline.Basis]():            {pipeline.BasisMeasured, pipeline.BasisAttested, pipeline.BasisParsed, pipeline.BasisEstimated, pipeline.BasisDeclared},
	reflect.TypeFor[pipeline.Likeness]():         {pipeline.LikeStructure, pipeline.LikeMatrices},
	reflect.TypeFor[pipeline.State](): {pipeline.StateOpen, pipeline.StateClaimed, pipeline.StateApproved, pipeline.StateRejected,
		pipeline.StateChangesRequested, pipeline.StateCleared, pipeline.StateSuperseded, pipeline.StateExpired, pipeline.StateRevoked},
	reflect.TypeFor[pipeline.ApprovalBound](): {pipeline.BoundContent, pipeline.BoundStore},
}

func schemaOf(t reflect.Type) map[string]any {
	if values, ok := enums[t]; ok {
		return map[string]any{"enum": values}
	}
	switch t {
	case reflect.TypeFor[uuid.UUID]():
		return map[string]any{"type": "string", "format": "uuid"}
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[pipeline.Digest]():
		return map[string]any{"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return orNull(schemaOf(t.Elem()))
	case reflect.Struct:
		return objectSchema(t)
	case reflect.Slice:
		// A list that nobody established is null.
		return orNull(map[string]any{"type": "array", "items": schemaOf(t.Elem())})
	case reflect.Map:
		return orNull(map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())})
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	}
	return map[string]any{}
}

func orNull(s map[string]any) map[string]any {
	return map[string]any{"oneOf": []any{map[string]any{"type": "null"}, s}}
}

func objectSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	required := []any{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "":
			inner := objectSchema(f.Type)
			for k, v := range inner["properties"].(map[string]any) { //nolint:forcetypeassert // made below
				properties[k] = v
			}
			required = append(required, inner["required"].([]any)...) //nolint:forcetypeassert // made below
			continue
		}
		properties[name] = schemaOf(f.Type)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}
