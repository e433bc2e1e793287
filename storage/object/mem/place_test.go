package mem_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/storage/object/mem"
	"weighbridge/storage/object/objecttest"
)

func TestPlace(t *testing.T) {
	t.Parallel()
	objecttest.RunPlace(t, func(t *testing.T) objecttest.PlaceHarness {
		src, err := pipeline.ParseSource("s3://place/m/")
		require.NoError(t, err)
		staged, err := pipeline.ParseSource("s3://staging/m/")
		require.NoError(t, err)
		place, source := mem.New(src), mem.New(staged)
		return objecttest.PlaceHarness{
			Open: func(*testing.T) (pipeline.Place, pipeline.Store) {
				return mem.Place{Store: place, Reached: source}, place
			},
			Source: func(_ *testing.T, objects map[string][]byte) (pipeline.Source, pipeline.Store) {
				for path, data := range objects {
					source.Put(path, data)
				}
				return staged, source
			},
		}
	})
}
