package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// Bounds of what is read as a head, in bytes.
const (
	// mostHead is larger than any file with a plain head.
	mostHead = 64 << 10
	// mostLine is larger than any event, whose largest part is a comment of 8 KiB.
	mostLine = 1 << 20
)

const headHint = "name what audit verify --format json, audit checkpoint or audit export wrote, or a signed approval"

// readHead reads the head that a file notes: a plain one, a signed checkpoint, an export,
// or a signed approval. It returns nil where no file is named. trust is nil where no keys
// are trusted; then what is signed is refused.
func readHead(ctx context.Context, path string, trust *attest.Trust, now time.Time) (*pipeline.AuditHead, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no head was asked for
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the head file cannot be read", Err: err, Hint: headHint}
	}
	defer func() { _ = f.Close() }() // read only
	r := bufio.NewReaderSize(f, mostHead)
	begin, err := r.Peek(mostHead)
	if err != nil && len(begin) == 0 {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the head file is empty, or cannot be read", Err: err, Hint: headHint}
	}
	var head pipeline.AuditHead
	switch {
	case bytes.HasPrefix(begin, []byte(`{"seq":`)) || bytes.HasPrefix(begin, []byte(`{"checkpoint":`)):
		head, err = exportHead(ctx, r, trust, now)
	case bytes.Contains(begin, []byte(`"payloadType"`)):
		head, err = signedHead(ctx, r, trust, now)
	default:
		head, err = plainHead(begin)
	}
	return &head, err
}

func plainHead(text []byte) (head pipeline.AuditHead, err error) {
	if err := json.Unmarshal(text, &head); err != nil || head.Hash == "" {
		return head, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the head file holds no head: it needs count and hash", Err: err, Hint: headHint}
	}
	return head, nil
}

// signedHead reads a checkpoint, or the head that an approval was signed at.
func signedHead(ctx context.Context, r io.Reader, trust *attest.Trust, now time.Time) (pipeline.AuditHead, error) {
	e, err := attest.ReadEnvelope(r)
	if err != nil {
		return pipeline.AuditHead{}, err
	}
	if trust == nil {
		return pipeline.AuditHead{}, usage("the head is signed: name the trusted keys with --trust FILE")
	}
	if e.PayloadType() == attest.StatementPayload {
		approval, err := trust.VerifyApproval(ctx, e, now, nil)
		return approval.Audit.Head.Head(), err
	}
	checkpoint, err := trust.VerifyCheckpoint(ctx, e, now)
	return checkpoint.Head(), err
}

// exportHead verifies the chain of an export by itself, and returns the head that its last
// line notes.
func exportHead(ctx context.Context, r io.Reader, trust *attest.Trust, now time.Time) (pipeline.AuditHead, error) {
	bad := func(format string, args ...any) (pipeline.AuditHead, error) {
		return pipeline.AuditHead{}, &pipeline.Error{Code: pipeline.CodeTampered, Message: "the export is not what was written: " + fmt.Sprintf(format, args...),
			Hint: "compare it with another copy"}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, mostHead), mostLine)
	var head *pipeline.AuditHead
	for n := 1; lines.Scan(); n++ {
		if last := (lastLine{}); bytes.HasPrefix(lines.Bytes(), []byte(`{"checkpoint":`)) {
			if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
				return bad("its last line cannot be read")
			}
			noted, err := notedHead(ctx, last, trust, now)
			if err != nil {
				return noted, err
			}
			if lines.Scan() {
				return bad("something follows its checkpoint")
			}
			if head != nil && *head != noted {
				return bad("its checkpoint is not that of its last event")
			}
			return noted, lines.Err()
		}
		var e pipeline.AuditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return bad("line %d is no event", n)
		}
		if head == nil {
			head = &pipeline.AuditHead{Count: e.Seq - 1, Hash: e.Prev}
			if e.Seq == 1 {
				*head = pipeline.AuditGenesis()
			}
		}
		next, err := head.Check(e)
		if err != nil {
			return next, err
		}
		*head = next
	}
	if err := lines.Err(); err != nil {
		return bad("a line is too long, or cannot be read")
	}
	return bad("it has no checkpoint at its end")
}

func notedHead(ctx context.Context, last lastLine, trust *attest.Trust, now time.Time) (pipeline.AuditHead, error) {
	if bytes.Contains(last.Checkpoint, []byte(`"payloadType"`)) {
		return signedHead(ctx, bytes.NewReader(last.Checkpoint), trust, now)
	}
	return plainHead(last.Checkpoint)
}
