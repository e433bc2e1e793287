package attest

import (
	"crypto/aes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

// What a key file may ask for before its passphrase is tried: the library takes every cost,
// and every length of the initial vector and the ciphertext, as it stands in the file.
const (
	maxRounds = 10_000_000 // of PBKDF2; a few seconds
	maxScrypt = 256 << 20  // bytes of memory, and with the parallel lanes 16 times the work of one
	maxLanes  = 16
)

// sealed is EncryptedPrivateKeyInfo of RFC 5958 with the parameters of PBES2, RFC 8018.
type sealed struct {
	Algorithm struct {
		ID     asn1.ObjectIdentifier
		Params struct {
			KDF    pkix.AlgorithmIdentifier
			Cipher pkix.AlgorithmIdentifier
		}
	}
	Data []byte
}

// scryptCost is scrypt-params of RFC 7914, section 7.1.
type scryptCost struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// rounds is PBKDF2-params of RFC 8018 as far as it tells the cost.
type rounds struct {
	Salt  []byte
	Count int
}

func oidPBES2() asn1.ObjectIdentifier  { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13} }
func oidPBKDF2() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12} }
func oidScrypt() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11} }

// checkSealing refuses a private key whose encryption is of another kind than is used
// here, or costs more than a person would wait for.
func checkSealing(der []byte) error {
	var s sealed
	rest, err := asn1.Unmarshal(der, &s)
	if err != nil || len(rest) > 0 || !s.Algorithm.ID.Equal(oidPBES2()) {
		return badKey(err, "the private key is not encrypted with PBES2 of PKCS #5")
	}
	if err := checkCost(s.Algorithm.Params.KDF); err != nil {
		return err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(s.Algorithm.Params.Cipher.Parameters.FullBytes, &iv); err != nil || len(iv) != aes.BlockSize {
		return badKey(err, "the private key is not encrypted with AES-CBC")
	}
	if len(s.Data) == 0 || len(s.Data)%aes.BlockSize != 0 {
		return badKey(nil, "the private key is cut")
	}
	return nil
}

func checkCost(kdf pkix.AlgorithmIdentifier) error {
	switch {
	case kdf.Algorithm.Equal(oidPBKDF2()):
		var r rounds
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &r); err != nil || r.Count < 1 || r.Count > maxRounds {
			return badKey(err, fmt.Sprintf("the private key asks for no rounds of PBKDF2, or for more than %d", maxRounds))
		}
		return nil
	case kdf.Algorithm.Equal(oidScrypt()):
		var c scryptCost
		_, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &c)
		// 128·N·r bytes. Each bound is checked before the product is taken.
		if err != nil || c.N < 2 || c.R < 1 || c.P < 1 || c.P > maxLanes || c.R > maxScrypt/128 || c.N > maxScrypt/128/c.R {
			return badKey(err, "the private key asks for more work of scrypt than 256 MiB in 16 lanes")
		}
		return nil
	}
	return badKey(nil, "the private key is encrypted with a passphrase in another way than scrypt and PBKDF2")
}
