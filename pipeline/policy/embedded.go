package policy

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"weighbridge/pipeline"
)

//go:embed packs/*.yaml packs/lists/*.yaml
var packs embed.FS

// EmbeddedNames lists the packs that ship, in order of name.
func EmbeddedNames() []string {
	entries, err := packs.ReadDir("packs")
	if err != nil { // the folder is part of the binary
		panic(err)
	}
	var out []string
	for _, entry := range entries {
		if !entry.IsDir() {
			out = append(out, strings.TrimSuffix(entry.Name(), ".yaml"))
		}
	}
	return out
}

// Embedded loads a pack that ships. A name that is none of [EmbeddedNames] matches
// [pipeline.ErrNotFound].
func Embedded(name string) (*Pack, error) {
	lib, err := NewLibrary()
	if err != nil {
		return nil, err
	}
	return lib.Embedded(name)
}

// Embedded is the function [Embedded] with these lists. What is compiled of a pack is
// shared by all who ask the library for it; the pack itself is the caller's own.
func (lib *Library) Embedded(name string) (*Pack, error) {
	load, ships := lib.shipped[name]
	if !ships {
		return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: fmt.Sprintf("there is no rule pack %q", name),
			Hint: "The packs that ship are: " + strings.Join(EmbeddedNames(), ", ") + "."}
	}
	pack, err := load()
	if err != nil {
		return nil, err
	}
	own := *pack
	own.Rules = slices.Clone(pack.Rules)
	return &own, nil
}

func (lib *Library) loadEmbedded(name string) (*Pack, error) {
	source, err := packs.ReadFile("packs/" + name + ".yaml")
	if err != nil {
		return nil, err
	}
	return lib.load(bytes.NewReader(source), name+".yaml", include{stack: []string{name}}, true)
}

// DefaultMode returns the mode of a pack that nobody configured: seed-article and
// integrity enforce and all others report, so that a first run is no wall of
// questions.
func DefaultMode(name string) pipeline.Mode {
	switch name {
	case "seed-article", "integrity":
		return pipeline.ModeEnforce
	}
	return pipeline.ModeReport
}

// Defaults loads every pack that ships, in its default mode, side by side.
func (lib *Library) Defaults() ([]Selected, error) {
	names := EmbeddedNames()
	out := make([]Selected, len(names))
	var group errgroup.Group
	for i, name := range names {
		group.Go(func() error {
			pack, err := lib.Embedded(name)
			out[i] = Selected{Pack: pack, Mode: DefaultMode(name)}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// Defaults is [Library.Defaults] with the lists that ship.
func Defaults() ([]Selected, error) {
	lib, err := NewLibrary()
	if err != nil {
		return nil, err
	}
	return lib.Defaults()
}
