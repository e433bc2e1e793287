// Package all is the one list of inspectors. An inspector that is not here does not
// run.
package all

import (
	"time"

	"weighbridge/inspectors/architecture"
	"weighbridge/inspectors/bom"
	"weighbridge/inspectors/code"
	"weighbridge/inspectors/dataset"
	"weighbridge/inspectors/gguf"
	"weighbridge/inspectors/license"
	"weighbridge/inspectors/lineage"
	"weighbridge/inspectors/modelcard"
	"weighbridge/inspectors/modelconfig"
	"weighbridge/inspectors/npz"
	"weighbridge/inspectors/onnx"
	"weighbridge/inspectors/opaque"
	"weighbridge/inspectors/pytorch"
	"weighbridge/inspectors/safetensors"
	"weighbridge/inspectors/signature"
	"weighbridge/inspectors/weight"
	"weighbridge/pipeline"
)

// Readers returns every reader, in the order in which they see an object.
func Readers() []pipeline.Reader {
	return []pipeline.Reader{
		// First, so that what another reader makes of an object to which a model refers
		// replaces what the model says of it.
		onnx.Reader{},
		safetensors.Reader{},
		pytorch.Reader{},
		gguf.Reader{},
		npz.Reader{},
		modelconfig.Reader{},
		modelcard.Reader{},
		dataset.Reader{},
		license.Reader{},
		bom.Reader{},
		lineage.Reader{},
		code.Reader{},
		signature.Reader{},
		// Last, so that what another reader makes of an object comes first.
		opaque.Reader{},
	}
}

// Options is what inspectors are told by the operator. The zero value is for a run in which
// nobody was told anything.
type Options struct {
	// Trust is whom the operator trusts to sign models.
	Trust signature.Trust
}

// LoadTrust reads the keys and certificates of signers; see [signature.LoadTrust].
func LoadTrust(files []string, at time.Time) (signature.Trust, error) {
	return signature.LoadTrust(files, at)
}

// Derivers returns every deriver, in the order in which they run: the scale uses the
// family that the architecture found.
func Derivers(options Options) []pipeline.Deriver {
	return []pipeline.Deriver{
		architecture.New(),
		weight.New(),
		modelcard.New(),
		dataset.New(),
		license.New(),
		lineage.New(),
		code.Deriver{},
		signature.New(options.Trust),
	}
}
