// Package all is the one list of inspectors. An inspector that is not here does not
// run.
package all

import (
	"weighbridge/inspectors/architecture"
	"weighbridge/inspectors/modelconfig"
	"weighbridge/inspectors/safetensors"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

// Readers returns every reader, in the order in which they see an object.
func Readers() []pipeline.Reader {
	return []pipeline.Reader{
		safetensors.Reader{},
		modelconfig.Reader{},
	}
}

// Derivers returns every deriver, in the order in which they run: the scale uses the
// family that the architecture found.
func Derivers() []pipeline.Deriver {
	return []pipeline.Deriver{
		architecture.New(),
		weight.New(),
	}
}
