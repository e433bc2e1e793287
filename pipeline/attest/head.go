package attest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"weighbridge/pipeline"
)

// Bounds of what is read as a head, in bytes.
const (
	// maxHead is larger than any plain head.
	maxHead = 64 << 10
	// maxLine is larger than any event, whose largest part is a comment of 8 KiB.
	maxLine = 1 << 20
)

// ExportEnd is the last line of an export of the audit log in JSON Lines, after one line
// for each event: the checkpoint of the last event, signed as an envelope or plain.
type ExportEnd struct {
	Checkpoint json.RawMessage `json:"checkpoint"`
}

// EndOf returns the last line of an export. e is the signed checkpoint, nil for none.
func EndOf(c Checkpoint, e *Envelope) (ExportEnd, error) {
	if e != nil {
		return ExportEnd{e.JSON()}, nil
	}
	text, err := json.Marshal(c)
	return ExportEnd{text}, err
}

const headHint = "name what audit verify --format json, audit checkpoint or audit export wrote, or a signed approval"

// ReadHead reads the head of an audit log that somebody noted before: a plain one (JSON with
// count and hash), a signed checkpoint, the export of a log, or a signed approval, which
// names the head at its signing. An export must be a chain of events that ends in its
// checkpoint. trust may be nil where nothing is signed, and at is the present time.
//
// An error matches [pipeline.ErrUsage] where it is none of these or signed and no key is
// trusted, [pipeline.ErrTampered] where an export was changed or cut, or is one of
// [Trust.VerifyCheckpoint] and [Trust.VerifyApproval].
func ReadHead(ctx context.Context, r io.Reader, trust *Trust, at time.Time) (pipeline.AuditHead, error) {
	buffered := bufio.NewReaderSize(r, maxHead)
	begin, err := buffered.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return pipeline.AuditHead{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the file with the head cannot be read", Err: err, Hint: headHint}
	}
	switch {
	case bytes.HasPrefix(begin, []byte(`{"seq":`)) || bytes.HasPrefix(begin, []byte(`{"checkpoint":`)):
		return exportHead(ctx, buffered, trust, at)
	case bytes.Contains(begin, []byte(`"payloadType"`)):
		return signedHead(ctx, buffered, trust, at)
	}
	return plainHead(begin)
}

func plainHead(text []byte) (head pipeline.AuditHead, err error) {
	if err := json.Unmarshal(text, &head); err != nil || !isDigest(head.Hash) || head.Count < 0 {
		return pipeline.AuditHead{}, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the file holds no head: it needs count and hash", Err: err, Hint: headHint}
	}
	return head, nil
}

// signedHead reads a checkpoint, or the head that an approval was signed at.
func signedHead(ctx context.Context, r io.Reader, trust *Trust, at time.Time) (pipeline.AuditHead, error) {
	e, err := ReadEnvelope(r)
	if err != nil {
		return pipeline.AuditHead{}, err
	}
	if trust == nil {
		return pipeline.AuditHead{}, refuse(pipeline.CodeUsage, "name the trusted keys with --trust FILE", "the head is signed, and no key is trusted")
	}
	if e.PayloadType() == StatementPayload {
		approval, err := trust.VerifyApproval(ctx, e, at, nil)
		return approval.Audit.Head.Head(), err
	}
	checkpoint, err := trust.VerifyCheckpoint(ctx, e, at)
	return checkpoint.Head(), err
}

func badExport(format string, args ...any) error {
	return refuse(pipeline.CodeTampered, "compare it with another copy", "the export is not what was written: "+format, args...)
}

// exportHead verifies the chain of an export by itself, and returns the head of its end.
func exportHead(ctx context.Context, r io.Reader, trust *Trust, at time.Time) (pipeline.AuditHead, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxHead), maxLine)
	var head *pipeline.AuditHead
	for n := 1; lines.Scan(); n++ {
		if bytes.HasPrefix(lines.Bytes(), []byte(`{"checkpoint":`)) {
			return exportEnd(ctx, lines, head, trust, at)
		}
		var e pipeline.AuditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Seq < 1 {
			return pipeline.AuditHead{}, badExport("line %d is no event", n)
		}
		if head == nil {
			head = &pipeline.AuditHead{Count: e.Seq - 1, Hash: e.Prev}
			if e.Seq == 1 {
				*head = pipeline.AuditGenesis()
			}
		}
		next, err := head.Check(e)
		if err != nil {
			return pipeline.AuditHead{}, err
		}
		*head = next
	}
	if lines.Err() != nil {
		return pipeline.AuditHead{}, badExport("a line is longer than 1 MiB, or cannot be read")
	}
	return pipeline.AuditHead{}, badExport("it has no checkpoint at its end")
}

// exportEnd reads the last line of an export whose events end at a head, nil where there
// were none.
func exportEnd(ctx context.Context, lines *bufio.Scanner, head *pipeline.AuditHead, trust *Trust, at time.Time) (pipeline.AuditHead, error) {
	var end ExportEnd
	if err := json.Unmarshal(lines.Bytes(), &end); err != nil {
		return pipeline.AuditHead{}, badExport("its last line cannot be read")
	}
	noted, err := plainHead(end.Checkpoint)
	if bytes.Contains(end.Checkpoint, []byte(`"payloadType"`)) {
		noted, err = signedHead(ctx, bytes.NewReader(end.Checkpoint), trust, at)
	}
	switch {
	case err != nil:
		return pipeline.AuditHead{}, err
	case lines.Scan() || lines.Err() != nil:
		return pipeline.AuditHead{}, badExport("something follows its checkpoint")
	case head != nil && *head != noted:
		return pipeline.AuditHead{}, badExport("its checkpoint is not that of its last event")
	}
	return noted, nil
}
