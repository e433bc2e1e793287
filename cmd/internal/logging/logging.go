// Package logging makes the program's logger. Logs go to standard error: standard
// output is for results.
package logging

import (
	"io"

	"github.com/hashicorp/go-hclog"

	"weighbridge/pipeline"
)

// New returns a logger named weighbridge at a level: off, error, warn, info, debug or
// trace. Any other level is an error that matches [pipeline.ErrUsage].
func New(w io.Writer, level string) (hclog.Logger, error) {
	l := hclog.LevelFromString(level)
	if l == hclog.NoLevel {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "there is no log level " + level,
			Hint: "use off, error, warn, info, debug or trace"}
	}
	return hclog.New(&hclog.LoggerOptions{Name: "weighbridge", Level: l, Output: w}), nil
}
