package mem_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weighbridge/pipeline"
	"weighbridge/storage/object/mem"
	"weighbridge/storage/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	objecttest.Run(t, func(*testing.T) objecttest.Harness {
		s := mem.New(pipeline.Source{Scheme: pipeline.SchemeS3, Bucket: "b", Prefix: "p/"})
		return objecttest.Harness{
			Open:      func(*testing.T) pipeline.Store { return s },
			Put:       func(_ *testing.T, path string, data []byte) { s.Put(path, data) },
			PutBeside: func(_ *testing.T, path string, data []byte) { s.PutKey("p-2/"+path, data) },
			Remove:    func(_ *testing.T, path string) { s.Remove(path) },
			Deny:      func(_ *testing.T, path string) { s.Deny(path) },
			PutSummed: func(_ *testing.T, path string, data []byte) {
				s.Put(path, data)
				s.SetDigests(path, pipeline.StoredDigest{Whole: pipeline.DigestBytes(data)})
			},
			PutInParts: func(_ *testing.T, path string, data []byte, size int) {
				s.Put(path, data)
				var known pipeline.StoredDigest
				for i := 0; i < len(data); i += size {
					part := data[i:min(i+size, len(data))]
					known.Parts = append(known.Parts, pipeline.PartDigest{Size: int64(len(part)), SHA256: pipeline.DigestBytes(part)})
				}
				s.SetDigests(path, known)
			},
			Missing: func(t *testing.T) error {
				gone := mem.New(pipeline.Source{})
				gone.Vanish()
				_, err := gone.List(t.Context(), "")
				return err
			},
			FreeKeys: true,
		}
	})
}

func TestSparseObjectReadsZerosBehindItsHeader(t *testing.T) {
	t.Parallel()
	const size = 685_000_000_000
	s := mem.New(pipeline.Source{})
	s.PutReaderAt("big.safetensors", bytes.NewReader([]byte("header")), size)
	o := objecttest.Pin(t, s, "big.safetensors")
	require.EqualValues(t, size, o.Size)
	head, err := objecttest.Read(t.Context(), s, o, 0, 10)
	require.NoError(t, err)
	require.Equal(t, "header\x00\x00\x00\x00", string(head))
	tail, err := objecttest.Read(t.Context(), s, o, size-3, 3)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 0}, tail)
}

type brokenAt struct{}

var errDisk = errors.New("disk on fire")

func (brokenAt) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestReaderFailureIsNotZeros(t *testing.T) {
	t.Parallel()
	s := mem.New(pipeline.Source{})
	s.PutReaderAt("a", brokenAt{}, 10)
	_, err := objecttest.Read(t.Context(), s, objecttest.Pin(t, s, "a"), 0, 10)
	require.ErrorIs(t, err, errDisk)
}

func TestUnpinnedObjectIsHeldToItsTime(t *testing.T) {
	t.Parallel()
	s := mem.New(pipeline.Source{})
	s.Put("a", []byte("one"))
	s.DropETag("a")
	o := objecttest.Pin(t, s, "a")
	require.False(t, o.Pinned())
	_, err := objecttest.Read(t.Context(), s, o, 0, 3)
	require.NoError(t, err)
	s.SetModTime("a", o.ModTime.Add(1))
	_, err = objecttest.Read(t.Context(), s, o, 0, 3)
	require.ErrorIs(t, err, pipeline.ErrChanged)
}

func TestVersionIsPartOfThePin(t *testing.T) {
	t.Parallel()
	s := mem.New(pipeline.Source{})
	s.Put("a", []byte("one"))
	s.SetVersion("a", "v1")
	o := objecttest.Pin(t, s, "a")
	require.Equal(t, "v1", o.VersionID)
	s.SetVersion("a", "v2")
	_, err := objecttest.Read(t.Context(), s, o, 0, 3)
	require.ErrorIs(t, err, pipeline.ErrChanged)
}

func TestOpenReaderKeepsItsBytes(t *testing.T) {
	t.Parallel()
	s := mem.New(pipeline.Source{})
	s.Put("a", []byte("one"))
	body, err := s.Open(t.Context(), objecttest.Pin(t, s, "a"), 0, 3)
	require.NoError(t, err)
	s.Put("a", []byte("two"))
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	require.NoError(t, body.Close())
}
