package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime/multipart"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/cmd/internal/httpapi"
	"weighbridge/pipeline"
)

// Whatever stands in a form, it is read within its bounds, or refused as what it is. Forms
// that are written by the library come back whole.
func FuzzParseForm(f *testing.F) {
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--x--\r\n"))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n7\r\n--x--\r\n"))
	f.Add("multipart/form-data", []byte("--x"))
	f.Add("text/plain", []byte{})
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		version, _, file, err := httpapi.ParseForm(media, body)
		if err != nil {
			require.True(t, errors.Is(err, pipeline.ErrInvalid) || errors.Is(err, pipeline.ErrOverLimit), err)
		} else {
			require.GreaterOrEqual(t, version, int64(0))
			require.LessOrEqual(t, len(file), len(body))
		}
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("file", "a.txt")
		require.NoError(t, err)
		_, err = part.Write(body)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		_, name, file, err := httpapi.ParseForm(w.FormDataContentType(), form.Bytes())
		require.NoError(t, err)
		require.Equal(t, "a.txt", name)
		require.True(t, bytes.Equal(body, file))
	})
}

// What stands for a submission is read, or refused as what it is.
func FuzzDeclaration(f *testing.F) {
	for _, text := range []string{`{"destination": {"country": "DE"}}`, `"destination: {country: DE}\n"`, `null`, `7`, `[]`, `"\u0000"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return // no body holds it
		}
		if err := httpapi.ReadDeclaration(bytes.TrimSpace(text)); err != nil {
			require.True(t, errors.Is(err, pipeline.ErrInvalid) || errors.Is(err, pipeline.ErrOverLimit), err)
		}
	})
}
