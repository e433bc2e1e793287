// Package storage holds the few rules that every object backend shares, so that
// they cannot drift apart: what a range read may ask for, how large a page is and
// which names are folder markers.
package storage

import (
	"fmt"
	"strings"

	"weighbridge/pipeline"
)

// PageSize is the largest number of names in one page of a listing. It is the
// limit that S3 sets; the other backends keep to it so that paging is the same
// everywhere.
const PageSize = 1000

// FolderMarker is the reason given for a name that ends in a slash and holds
// nothing: consoles write such names so that an empty folder shows.
const FolderMarker = "folder marker: an empty name that ends in a slash"

// IsFolderMarker reports whether a listed name is a folder marker.
func IsFolderMarker(key string, size int64) bool {
	return size == 0 && strings.HasSuffix(key, "/")
}

// CheckRange holds the arguments of [pipeline.Store].Open to its contract: an
// offset of at least 0, a length of at least 1, and a sum within the object. The
// error matches [pipeline.ErrUsage].
func CheckRange(o pipeline.Object, offset, length int64) error {
	if offset >= 0 && length >= 1 && offset <= o.Size && length <= o.Size-offset {
		return nil
	}
	return &pipeline.Error{
		Code: pipeline.CodeUsage,
		Message: fmt.Sprintf("%d bytes at offset %d of %q cannot be read: the object has %d bytes",
			length, offset, o.Path, o.Size),
	}
}
