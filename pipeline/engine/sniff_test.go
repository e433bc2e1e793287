package engine_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/engine"
)

// piece is one entry of a SentencePiece model.
func piece(text string, score float32) string {
	inner := "\x0a" + string(rune(len(text))) + text + "\x15" + string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(score)))
	return "\x0a" + string(rune(len(inner))) + inner
}

func pieces(texts ...string) string {
	var out strings.Builder
	for i, text := range texts {
		out.WriteString(piece(text, -float32(i)))
	}
	return out.String()
}

const zipEnd = "PK\x05\x06" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestSniff_Formats(t *testing.T) {
	t.Parallel()
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	tests := []struct {
		name, content, format string
		role                  pipeline.Role
	}{
		{"png", "\x89PNG\r\n\x1a\n" + zeros(50), "png", pipeline.RoleMedia},
		{"jpeg", "\xff\xd8\xff\xe0" + zeros(50), "jpeg", pipeline.RoleMedia},
		{"gif", "GIF89a" + zeros(50), "gif", pipeline.RoleMedia},
		{"webp", "RIFF\x10\x00\x00\x00WEBPVP8 " + zeros(50), "webp", pipeline.RoleMedia},
		{"wav", "RIFF\x10\x00\x00\x00WAVEfmt " + zeros(50), "wav", pipeline.RoleMedia},
		{"avi", "RIFF\x10\x00\x00\x00AVI LIST" + zeros(50), "avi", pipeline.RoleMedia},
		{"mp3", "ID3\x04" + zeros(50), "mp3", pipeline.RoleMedia},
		{"flac", "fLaC" + zeros(50), "flac", pipeline.RoleMedia},
		{"ogg", "OggS" + zeros(50), "ogg", pipeline.RoleMedia},
		{"mp4", "\x00\x00\x00\x18ftypmp42" + zeros(50), "mp4", pipeline.RoleMedia},
		{"webm", "\x1a\x45\xdf\xa3" + zeros(50), "webm", pipeline.RoleMedia},
		{"pdf", "%PDF-1.7\n\xe2\xe3" + zeros(50), "pdf", pipeline.RoleMedia},
		{"sentencepiece", pieces("<unk>", "<s>", "</s>", "▁the") + zeros(3), "sentencepiece", pipeline.RoleMedia},
		{"sentencepiece of three", pieces("<unk>", "<s>", "</s>"), "unknown", pipeline.RoleUnknown},
		{"sentencepiece cut short", pieces("<unk>", "<s>", "</s>") + "\x0a\x7f", "unknown", pipeline.RoleUnknown},
		{"text", "plain words\n", "text", pipeline.RoleText},
		{"text in Chinese", "模型说明\n", "text", pipeline.RoleText},
		{"text with a mark and colours", "\ufeffwords \x1b[31mred\x1b[0m", "text", pipeline.RoleText},
		{"json object", " {\"a\": 1}", "json", pipeline.RoleText},
		{"json list after a mark", "\ufeff[1]", "json", pipeline.RoleText},
		{"folder/README.md", "# Card", "text", pipeline.RoleCard},
		{"readme.MD", "# Card", "text", pipeline.RoleCard},
		{"empty", "", "empty", pipeline.RoleMedia},
		{"README.md", "\x00\x01\x02", "unknown", pipeline.RoleUnknown},
		{"picture.png", "no picture", "text", pipeline.RoleText},
		{"text with NUL", "words\x00words", "unknown", pipeline.RoleUnknown},
		{"text with DEL", "words\x7fwords", "unknown", pipeline.RoleUnknown},
		{"text of another encoding", "caf\xe9 au lait", "unknown", pipeline.RoleUnknown},
		{"text that ends within a character", "caf\xc3", "unknown", pipeline.RoleUnknown},
		{"pickle", "\x80\x04\x95" + zeros(50), "unknown", pipeline.RoleUnknown},
		{"zip", "PK\x03\x04" + zeros(50) + zipEnd, "unknown", pipeline.RoleUnknown},
		{"image with a zip behind", "\x89PNG\r\n\x1a\n" + zeros(5000) + zipEnd, "unknown", pipeline.RoleUnknown},
		{"text with a zip behind", "words " + zipEnd, "unknown", pipeline.RoleUnknown},
		{"half a mark", "\x89PN", "unknown", pipeline.RoleUnknown},
		{"half a sentencepiece", "\x0a", "text", pipeline.RoleText},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put(tt.name, []byte(tt.content))
			r := run(t, engine.Engine{Derivers: []pipeline.Deriver{weighs(1)}}, s)
			o := object(t, r, tt.name)
			require.Equal(t, tt.format, o.Format)
			require.Equal(t, tt.role, o.Role)
			want := "sniff ok"
			if tt.format == "unknown" {
				want = "sniff skipped"
			}
			require.Equal(t, []string{want}, status(r, tt.name))
			require.Equal(t, pipeline.VerdictClear, r.Verdict, "what it weighs is the scale's to say")
		})
	}
}

func TestSniff_LargeObjectsAreToldByTheirEndToo(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("words ", 1<<18)
	image := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 2<<20)
	// The tail begins within a character of three bytes.
	wide := strings.Repeat("模", 1<<19)
	tests := []struct{ name, content, format string }{
		{"text", text, "text"},
		{"text of wide characters", wide + "a", "text"},
		{"text of wide characters, shifted", "a" + wide, "text"},
		{"text of wide characters, shifted again", "ab" + wide, "text"},
		{"text with a binary end", text + "\x00\x01\x02", "unknown"},
		{"image", image, "png"},
		{"image with a zip behind", image + zipEnd, "unknown"},
		{"image with a zip and a comment behind", image + zipEnd + strings.Repeat("c", 60_000), "unknown"},
		{"tail of broken characters", text + strings.Repeat("\x80", 64<<10), "unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put("o", []byte(tt.content))
			r := run(t, engine.Engine{}, s)
			require.Equal(t, tt.format, object(t, r, "o").Format)
			require.Len(t, s.calls, 2)
		})
	}
}

func TestSniff_Pointers(t *testing.T) {
	t.Parallel()
	const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4584408808\n"
	tests := []struct {
		name, content string
		size          int64
		pointer       bool
	}{
		{"model.safetensors", lfs, 4584408808, true},
		{"pytorch_model.bin", lfs, 4584408808, true},
		{"README.md", lfs, 4584408808, true},
		{"config.json", strings.ReplaceAll(lfs, "\n", "\r\n"), 4584408808, true},
		{"weights", "# xet version 0\nfilesize = 988097824\nhash = '7a'\n", 988097824, true},
		{"no size", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", 0, true},
		{"negative size", "version https://git-lfs.github.com/spec/v1\nsize -5\n", 0, true},
		{"huge size", "version https://git-lfs.github.com/spec/v1\nsize 99999999999999999999\n", 0, true},
		{"notes.md", "a pointer begins with version https://git-lfs.github.com/spec/v1", 0, false},
		{"long.txt", lfs + strings.Repeat("words ", 1000), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, s := store()
			m.Put(tt.name, []byte(tt.content))
			claims := fake{sniff: func(pipeline.Object, []byte) bool { return true }, read: whole}
			var readings pipeline.Readings
			looks := deriver{"looks", func(_ context.Context, r *pipeline.Readings, facts *pipeline.FactSet) error {
				readings = *r
				facts.Set("params.stored_elements", int64(1), pipeline.BasisMeasured)
				return nil
			}}
			r := run(t, engine.Engine{Readers: []pipeline.Reader{claims}, Derivers: []pipeline.Deriver{looks}}, s)
			require.Equal(t, tt.size, readings.Objects[0].PointerSize)
			if !tt.pointer {
				require.Equal(t, []string{"fake ok"}, status(r, tt.name))
				require.Equal(t, int64(0), *r.Facts.Headers.Pointers)
				return
			}
			require.Equal(t, []string{"sniff malformed"}, status(r, tt.name), "no reader sees it")
			require.Equal(t, pipeline.RolePointer, object(t, r, tt.name).Role)
			require.Equal(t, int64(1), *r.Facts.Headers.Pointers)
			require.Equal(t, pipeline.VerdictInconclusive, r.Verdict)
			require.Len(t, r.Reasons, 1)
			require.Contains(t, r.Reasons[0], "pointer")
		})
	}
}

func TestSniff_AnySortOfReaderSeesTheWholeSmallObject(t *testing.T) {
	t.Parallel()
	m, s := store()
	content := bytes.Repeat([]byte("abc"), 1000)
	m.Put("o", content)
	reader := fake{sniff: func(o pipeline.Object, head []byte) bool {
		require.Equal(t, content, head)
		require.Equal(t, int64(len(content)), o.Size)
		return false
	}}
	r := run(t, engine.Engine{Readers: []pipeline.Reader{reader}}, s)
	require.Equal(t, []string{"sniff ok"}, status(r, "o"))
}
