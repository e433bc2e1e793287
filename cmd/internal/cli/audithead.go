package cli

import (
	"context"
	"os"
	"time"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// readHead reads the head that a file notes, nil where no file is named. trust is nil
// where no keys are trusted; then what is signed is refused.
func readHead(ctx context.Context, path string, trust *attest.Trust, now time.Time) (*pipeline.AuditHead, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no head was asked for
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the head file cannot be read", Err: err, Hint: "name an existing file"}
	}
	defer func() { _ = f.Close() }() // read only
	head, err := attest.ReadHead(ctx, f, trust, now)
	return &head, err
}
