package attest

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"weighbridge/pipeline"
)

// CheckpointSchema names the form of a signed checkpoint.
const CheckpointSchema = "weighbridge.checkpoint/1"

// Checkpoint is the head of an audit log at a time. Kept where nobody who can write the
// log can write, it shows a log that was cut or rewritten since.
type Checkpoint struct {
	// Count is the number of events, and Hash that of the last one. A log without events
	// has the head of [pipeline.AuditGenesis].
	Count int64           `json:"count"`
	Hash  pipeline.Digest `json:"hash"`
	// Time is when the log had this head, and the time of signing.
	Time time.Time `json:"time"`
}

// CheckpointOf returns the checkpoint of a head that was read at a time.
func CheckpointOf(head pipeline.AuditHead, at time.Time) Checkpoint {
	return Checkpoint{Count: head.Count, Hash: head.Hash, Time: moment(at)}
}

// Head returns the head that the checkpoint notes, for [pipeline.AuditLog] to verify
// against.
func (c Checkpoint) Head() pipeline.AuditHead {
	return pipeline.AuditHead{Count: c.Count, Hash: c.Hash}
}

type checkpointFile struct {
	Schema     string `json:"schema"`
	Checkpoint `json:",inline"`
}

// Sign signs the checkpoint. An error matches [pipeline.ErrInvalid] where it is none, or is
// the signer's own.
func (c Checkpoint) Sign(ctx context.Context, signers ...Signer) (*Envelope, error) {
	file := checkpointFile{Schema: CheckpointSchema, Checkpoint: c}
	if err := file.validate(); err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the checkpoint cannot be signed as it is", Err: err}
	}
	payload, err := marshal(file)
	if err != nil {
		return nil, err
	}
	return sign(ctx, CheckpointPayload, payload, signers...)
}

// VerifyCheckpoint verifies a checkpoint at a time.
func (t *Trust) VerifyCheckpoint(ctx context.Context, e *Envelope, at time.Time) (Checkpoint, error) {
	keys, err := t.open(ctx, e, CheckpointPayload)
	if err != nil {
		return Checkpoint{}, err
	}
	var file checkpointFile
	if err := json.Unmarshal(e.payload, &file); err != nil {
		return Checkpoint{}, malformed(err, "the payload is no checkpoint of an audit log")
	}
	if err := file.validate(); err != nil {
		return Checkpoint{}, err
	}
	if err := timely(keys, UseCheckpoint, file.Time, at); err != nil {
		return Checkpoint{}, err
	}
	return file.Checkpoint, nil
}

func (f checkpointFile) validate() error {
	genesis := pipeline.AuditGenesis()
	switch {
	case f.Schema != CheckpointSchema:
		return malformed(nil, "the checkpoint has the form %q, where %q is needed", short(f.Schema), CheckpointSchema)
	case f.Count < 0 || !isDigest(f.Hash) || (f.Count == 0) != (f.Hash == genesis.Hash):
		return malformed(nil, "the checkpoint holds no head of an audit log")
	case !plainTime(f.Time):
		return malformed(nil, "the checkpoint has no time")
	}
	return nil
}
