package ole

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"testing"

	"icapd/cdr/kit"
)

// A workbook under the password that everybody knows comes out in plain, without what is active in it.
func TestVelvetWorkbook(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, 16)
	pass := cat(le16(1, 1, 1), salt, make([]byte, 32))
	book := xlsStream(cat(rec(recFilePass, pass), supBook("cmd\x03"+canary)), rec(0x0204, le16(0, 0, 15), text8("visible words")), 0, substreamSheet)
	first := sumOf(md5.New, utf16Bytes(velvet))[:5]
	base := sumOf(md5.New, bytes.Repeat(cat(first, salt), 16))[:5]
	key := func(n uint32) []byte { return sumOf(md5.New, base, le32(int(n))) }
	verifier := cat([]byte("sixteen bytes of"), sumOf(md5.New, []byte("sixteen bytes of")))
	c, err := rc4.NewCipher(key(0))
	if err != nil {
		t.Fatal(err)
	}
	c.XORKeyStream(verifier, verifier)
	book = bytes.Replace(book, pass, cat(pass[:22], verifier), 1)
	locked := pack(t, root(stream("Workbook", decryptBIFF(book, key)))) // the cipher undoes itself
	if bytes.Contains(locked, []byte("visible words")) {
		t.Fatal("nothing is encrypted")
	}
	r, job, err := run(t, locked, kit.Switches{})
	if err != nil || !bytes.Contains(r, []byte("visible words")) || bytes.Contains(r, []byte(canary)) {
		t.Errorf("%v %v", err, job.Removals())
	}
}

// A package in agile encryption opens with its password, and with no other.
func TestOpenAgile(t *testing.T) {
	salt, secret := []byte("0123456789abcdef"), bytes.Repeat([]byte{3}, 32)
	sum := spin(sha512.New, salt, velvet, 10)
	seal := func(key, iv, data []byte) []byte {
		block, err := aes.NewCipher(fit(key, 32))
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, len(data))
		cipher.NewCBCEncrypter(block, fit(iv, aes.BlockSize)).CryptBlocks(out, data)
		return out
	}
	part := func(name, data []byte) string {
		return base64.StdEncoding.EncodeToString(seal(sumOf(sha512.New, sum, name), salt, data))
	}
	check := []byte("what is compared")
	same := `saltSize="16" blockSize="16" keyBits="256" hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue="` + base64.StdEncoding.EncodeToString(salt) + `"`
	info := cat(le16(4, 4), le32(0x40), fmt.Appendf(nil, `<encryption><keyData %s/><keyEncryptors><keyEncryptor><p:encryptedKey spinCount="10" %s encryptedVerifierHashInput="%s" encryptedVerifierHashValue="%s" encryptedKeyValue="%s"/></keyEncryptor></keyEncryptors></encryption>`,
		same, same, part(blockInput, check), part(blockValue, sumOf(sha512.New, check)), part(blockKey, secret)))
	plain := bytes.Repeat([]byte("plain text of 16"), 300) // more than a segment
	data := le32(len(plain)-5, 0)
	for i := 0; i*4096 < len(plain); i++ {
		data = cat(data, seal(secret, sumOf(sha512.New, salt, le32(i)), plain[i*4096:min(len(plain), (i+1)*4096)]))
	}
	if got, err := openPackage(info, data, velvet); err != nil || !bytes.Equal(got, plain[:len(plain)-5]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := openPackage(info, data, "another"); err == nil {
		t.Error("opened by another password")
	}
}

func FuzzOpenPackage(f *testing.F) {
	f.Add(cat(le16(4, 4), le32(0x40), []byte(`<encryption><keyData saltSize="16" blockSize="16" keyBits="256" hashAlgorithm="SHA512" saltValue="AAAA"/><encryptedKey spinCount="1" blockSize="16" keyBits="128" hashAlgorithm="SHA1"/></encryption>`)), make([]byte, 64))
	f.Add(cat(le16(3, 2), le32(0, 36, 0, 0, algAES128, 0, 128, 0, 0, 0, 0, 16), make([]byte, 90)), make([]byte, 64))
	f.Fuzz(func(_ *testing.T, info, data []byte) {
		_, _ = openPackage(info, data, velvet)
		_, _ = openBIFF(data, velvet)
	})
}
