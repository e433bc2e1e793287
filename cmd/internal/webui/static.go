package webui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"

	"weighbridge/pipeline"
)

//go:embed static
var staticFiles embed.FS

// asset is a file that does not change as long as its name does not.
type asset struct {
	body []byte
	kind string
}

// assets holds files by the path that they are asked for under, and those paths by name.
type assets struct {
	byPath map[string]asset
	paths  map[string]string
}

// loadAssets names every file by a part of its digest, so that a browser can keep it for
// good.
func loadAssets() (assets, error) {
	a := assets{byPath: map[string]asset{}, paths: map[string]string{}}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return a, err
	}
	for _, entry := range entries {
		body, err := staticFiles.ReadFile(path.Join("static", entry.Name()))
		if err != nil {
			return a, err
		}
		ending := path.Ext(entry.Name())
		kind := mime.TypeByExtension(ending)
		if kind == "" {
			kind = "text/plain; charset=utf-8"
		}
		sum := sha256.Sum256(body)
		at := "/static/" + strings.TrimSuffix(entry.Name(), ending) + "." + hex.EncodeToString(sum[:6]) + ending
		a.byPath[at] = asset{body: body, kind: kind}
		a.paths[entry.Name()] = at
	}
	return a, nil
}

// path returns where a file is, "" where there is none of this name.
func (a assets) path(name string) string { return a.paths[name] }

func (s *Site) serveStatic(w http.ResponseWriter, r *http.Request) error {
	file, ok := s.static.byPath[r.URL.Path]
	if !ok {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such file"}
	}
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(file.body)
	return err
}
