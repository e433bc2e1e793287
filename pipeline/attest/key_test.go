package attest_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

func TestKeys_AreThoseOfOpenSSL(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		private, public, id string
		algorithm           attest.Algorithm
	}{
		"ed25519": {"openssl-ed25519-scrypt.pem", "openssl-ed25519.pub", "ba29af15e2708be679bff6d70292c058573c02e50593e4a26df245edf0d8803f", attest.Ed25519},
		"p256":    {"openssl-p256-pbkdf2.pem", "openssl-p256.pub", "52082b1ff2d6da3dda443feda521fc470330b369d599bb493d9c249ea4555264", attest.ECDSAP256},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := attest.ParsePrivateKey(stored(t, tc.private), []byte(passphrase))
			require.NoError(t, err)
			public, err := attest.ParsePublicKey(stored(t, tc.public))
			require.NoError(t, err)
			require.Equal(t, tc.algorithm, public.Algorithm())
			require.Equal(t, tc.id, public.ID(), "the SHA-256 that openssl and sha256sum come to")
			id, err := k.KeyID()
			require.NoError(t, err)
			require.Equal(t, public.ID(), id)
			text, err := k.Public().MarshalPEM()
			require.NoError(t, err)
			require.Equal(t, string(stored(t, tc.public)), string(text))
		})
	}
}

func TestKeys_GoThroughAFile(t *testing.T) {
	t.Parallel()
	for _, a := range attest.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			k := fresh(t, a)
			text, err := k.MarshalPEM([]byte(passphrase))
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(text), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"))
			again, err := attest.ParsePrivateKey(text, []byte(passphrase))
			require.NoError(t, err)
			require.Equal(t, k.Public().ID(), again.Public().ID())
			for _, wrong := range []string{"", "x", passphrase + " ", strings.Repeat("x", 8<<10)} {
				_, err = attest.ParsePrivateKey(text, []byte(wrong))
				require.ErrorIs(t, err, attest.ErrPassphrase)
			}
		})
	}
}

func TestKeys_Refuse(t *testing.T) {
	t.Parallel()
	_, err := attest.GenerateKey("rsa")
	require.ErrorIs(t, err, pipeline.ErrUsage)
	for _, bad := range []string{"", "short", strings.Repeat("x", 5<<10)} {
		_, err = fresh(t, attest.Ed25519).MarshalPEM([]byte(bad))
		require.ErrorIs(t, err, pipeline.ErrUsage)
	}
	good := stored(t, "openssl-ed25519-scrypt.pem")
	for name, text := range map[string][]byte{
		"empty":        nil,
		"text":         []byte("hello"),
		"huge":         bytes.Repeat([]byte("x"), 17<<10),
		"open":         stored(t, "open-ed25519.pem"),
		"public":       stored(t, "openssl-ed25519.pub"),
		"twice":        append(bytes.Clone(good), good...),
		"pbes1":        stored(t, "openssl-pbes1.pem"),
		"der":          block("ENCRYPTED PRIVATE KEY", []byte{0x30, 0x80}),
		"scrypt_huge":  sealing(t, func(s *sealed) { s.scrypt.N = 1 << 30 }),
		"scrypt_none":  sealing(t, func(s *sealed) { s.scrypt.N = 0 }),
		"scrypt_below": sealing(t, func(s *sealed) { s.scrypt.N = -1 }),
		"scrypt_block": sealing(t, func(s *sealed) { s.scrypt.R = 1 << 30 }),
		"scrypt_lanes": sealing(t, func(s *sealed) { s.scrypt.P = 1 << 20 }),
		"rounds_huge":  sealing(t, func(s *sealed) { s.rounds = 1 << 30 }),
		"rounds_below": sealing(t, func(s *sealed) { s.rounds = -5 }),
		"iv_short":     sealing(t, func(s *sealed) { s.iv = []byte{1} }),
		"data_cut":     sealing(t, func(s *sealed) { s.data = make([]byte, 15) }),
		"data_empty":   sealing(t, func(s *sealed) { s.data = nil }),
		"other_kdf":    sealing(t, func(s *sealed) { s.kdf = asn1.ObjectIdentifier{1, 2, 3} }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := attest.ParsePrivateKey(text, []byte(passphrase))
			require.ErrorIs(t, err, pipeline.ErrInvalid)
		})
	}
	for name, text := range map[string][]byte{"empty": nil, "private": good, "p384": stored(t, "p384.pub"), "der": block("PUBLIC KEY", []byte{1})} {
		t.Run("public_"+name, func(t *testing.T) {
			t.Parallel()
			_, err := attest.ParsePublicKey(text)
			require.ErrorIs(t, err, pipeline.ErrInvalid)
		})
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// sealed is what the encryption of a private key asks for.
type sealed struct {
	kdf    asn1.ObjectIdentifier
	scrypt struct {
		Salt    []byte
		N, R, P int
	}
	rounds   int
	iv, data []byte
}

// sealing returns an encrypted key whose parameters were changed.
func sealing(t *testing.T, change func(*sealed)) []byte {
	t.Helper()
	s := &sealed{iv: make([]byte, 16), data: make([]byte, 32), kdf: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}}
	s.scrypt.Salt, s.scrypt.N, s.scrypt.R, s.scrypt.P = []byte("saltsalt"), 2, 1, 1
	change(s)
	type algorithm struct {
		ID     asn1.ObjectIdentifier
		Params any
	}
	kdf := algorithm{s.kdf, s.scrypt}
	if s.rounds != 0 {
		kdf = algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, struct {
			Salt  []byte
			Count int
		}{[]byte("saltsalt"), s.rounds}}
	}
	raw := func(v any) asn1.RawValue {
		der, err := asn1.Marshal(v)
		require.NoError(t, err)
		return asn1.RawValue{FullBytes: der}
	}
	plain := func(a algorithm) any {
		return struct {
			ID     asn1.ObjectIdentifier
			Params asn1.RawValue
		}{a.ID, raw(a.Params)}
	}
	params := struct{ KDF, Cipher asn1.RawValue }{raw(plain(kdf)), raw(plain(algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, s.iv}))}
	der, err := asn1.Marshal(struct {
		Algorithm asn1.RawValue
		Data      []byte
	}{raw(plain(algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, params})), s.data})
	require.NoError(t, err)
	return block("ENCRYPTED PRIVATE KEY", der)
}
