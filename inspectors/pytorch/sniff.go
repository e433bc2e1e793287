package pytorch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"strings"

	"weighbridge/pipeline"
)

// kind is what the first bytes of an object say that it is.
type kind uint8

const (
	kindNone kind = iota
	kindArchive
	kindLegacy
	kindTar
	kindPickle
)

// The first pickle of an old checkpoint is this number (serialization.py, MAGIC_NUMBER),
// the second the version of its protocol.
const (
	magic         = long("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")
	legacyVersion = 1001
)

// leastSteps is how many instructions in a row must make sense before the start of a
// longer object is taken for a pickle.
const leastSteps = 16

func kindOf(head []byte, o pipeline.Object) kind {
	switch {
	case isArchive(head, o):
		return kindArchive
	case isTar(head):
		return kindTar
	case len(head) < 2 || head[0] != opProto || head[1] < 2 || head[1] > mostProtocol:
		return kindNone
	}
	in := newInput(bytes.NewReader(head), MaxPickle, nil)
	steps := 0
	for i := range mostStacked {
		m := newMachine(in)
		err := m.run()
		steps += m.steps
		switch {
		case err == nil && i == 0 && m.pickle.root == magic:
			return kindLegacy
		case m.pickle.Foreign > 0, len(m.pickle.keys) > 0:
			return kindPickle
		case err == nil && (in.offset() == o.Size || steps >= leastSteps):
			return kindPickle
		case errors.Is(err, io.ErrUnexpectedEOF) && int64(len(head)) < o.Size && steps >= leastSteps:
			return kindPickle
		case err != nil:
			return kindNone
		}
	}
	return kindPickle
}

// isArchive reports whether a zip archive is a checkpoint's, as far as its first bytes
// tell: by the name of its first member, or by that of any member whose header or
// directory entry is in them. An archive that a checkpoint's name leads loaders to is one
// as well.
func isArchive(head []byte, o pipeline.Object) bool {
	if len(head) < localSize || string(head[:4]) != localMark {
		return false
	}
	n := int(binary.LittleEndian.Uint16(head[26:]))
	if n > len(head)-localSize {
		return false
	}
	_, inner, nested := strings.Cut(string(head[localSize:localSize+n]), "/")
	if nested {
		switch first, _, _ := strings.Cut(inner, "/"); first {
		case "data.pkl", "version", "byteorder", "data", ".data", "constants.pkl", "code", ".format_version", ".storage_alignment":
			return true
		}
	}
	if path.Ext(inner) == ".npy" {
		return false
	}
	return named(o.Path) || bytes.Contains(head, []byte("/data.pkl"))
}

// isTar reports whether a tar archive begins with a member of an old checkpoint
// (serialization.py, _load with tarfile).
func isTar(head []byte) bool {
	if len(head) < 512 || string(head[257:262]) != "ustar" {
		return false
	}
	name, _, _ := strings.Cut(string(head[:100]), "\x00")
	switch strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/") {
	case "sys_info", "pickle", "storages", "tensors":
		return true
	}
	return false
}
