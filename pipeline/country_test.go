package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/submission"
)

func TestCountryCode(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"Germany": "DE", "DE": "DE", "de": "DE", "DEU": "DE", " united  kingdom ": "GB", "U.K.": "GB", "USA": "US", "U.S.A.": "US",
		"United States of America": "US", "Côte d'Ivoire": "CI", "Bosnia & Herzegovina": "BA", "Bosnia and Herzegovina": "BA",
		"Türkiye": "TR", "Hong Kong": "HK", "CA": "CA", "GE": "GE", "GEO": "GE",
		"Georgia": "", "Korea": "", "Congo": "", "Atlantis": "", "": "", "Europe": "", "D E": "",
	} {
		code, ok := pipeline.CountryCode(words)
		require.Equal(t, want, code, words)
		require.Equal(t, want != "", ok, words)
	}
	for _, code := range submission.Countries() {
		got, ok := pipeline.CountryCode(code)
		require.True(t, ok, code)
		require.Equal(t, code, got)
	}
}

func TestCountryOfPlace(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]string{
		"France": "FR", "Quebec, Canada": "CA", "Iowa, USA": "US", "FR": "FR", "us": "US", "fr": "", "San Francisco, CA": "", "CA": "", "Atlanta, Georgia": "",
		"Frankfurt, Germany ": "DE", "eu-west-1": "", "somewhere": "", "": "", ",": "", "South America": "", "Paris, FR": "",
	} {
		code, ok := pipeline.CountryOfPlace(place)
		require.Equal(t, want, code, place)
		require.Equal(t, want != "", ok, place)
	}
}

func TestPlaceCodes(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"Worldwide": "worldwide", "global": "worldwide", "Japan": "JP", "moon": "",
		"EU":                     "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK",
		"European Economic Area": "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK IS LI NO",
	} {
		codes, ok := pipeline.PlaceCodes(words)
		require.Equal(t, want, strings.Join(codes, " "), words)
		require.Equal(t, want != "", ok, words)
	}
}

func TestPlainText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a  b\n c": "a b c", "": "", " \t ": "", "a\u202eb": "a\uFFFDb", "a\x00\x1b[31mb": "a\uFFFD\uFFFD[31mb", "a\xffb": "a\uFFFDb",
		"a\u2028b": "a\uFFFDb", "z\u200bw": "z\uFFFDw", "0123456789": "0123456789", "01234567890": "0123456789…", "012345678 9": "012345678 …",
		"日本語": "日本語",
	} {
		require.Equal(t, strings.ReplaceAll(want, " …", "…"), pipeline.PlainText(text, 10), "%q", text)
	}
}
