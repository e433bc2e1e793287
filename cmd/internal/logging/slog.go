package logging

import (
	"context"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// Slog returns a logger of the standard library that writes to this one, for libraries
// that take no other. Groups become a prefix of keys.
func Slog(to hclog.Logger) *slog.Logger { return slog.New(slogHandler{to: to}) }

type slogHandler struct {
	to     hclog.Logger
	prefix string
}

// Enabled implements [slog.Handler].
func (h slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	switch levelOf(level) {
	case hclog.Debug:
		return h.to.IsDebug()
	case hclog.Info:
		return h.to.IsInfo()
	case hclog.Warn:
		return h.to.IsWarn()
	default:
		return h.to.IsError()
	}
}

// Handle implements [slog.Handler].
func (h slogHandler) Handle(_ context.Context, r slog.Record) error {
	var pairs []any
	r.Attrs(func(a slog.Attr) bool {
		pairs = append(pairs, h.prefix+a.Key, a.Value.Resolve().Any())
		return true
	})
	h.to.Log(levelOf(r.Level), r.Message, pairs...)
	return nil
}

// WithAttrs implements [slog.Handler].
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var pairs []any
	for _, a := range attrs {
		pairs = append(pairs, h.prefix+a.Key, a.Value.Resolve().Any())
	}
	h.to = h.to.With(pairs...)
	return h
}

// WithGroup implements [slog.Handler].
func (h slogHandler) WithGroup(name string) slog.Handler {
	h.prefix += name + "."
	return h
}

func levelOf(l slog.Level) hclog.Level {
	switch {
	case l < slog.LevelInfo:
		return hclog.Debug
	case l < slog.LevelWarn:
		return hclog.Info
	case l < slog.LevelError:
		return hclog.Warn
	default:
		return hclog.Error
	}
}
