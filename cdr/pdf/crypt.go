package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"

	"icapd/cdr/kit"
)

// The standard security handler (ISO 32000-2, section 7.6.4), with the empty user password: such documents open for
// everybody, and the encryption only carries permissions.

// method is how strings or streams are encrypted.
type method uint8

const (
	cryptNone method = iota
	cryptRC4
	cryptAESV2
	cryptAESV3
)

// security is the encryption of a file.
type security struct {
	key             []byte
	strings, stream method
	plainMetadata   bool // the metadata stream is not encrypted
}

// decrypter decrypts what belongs to one indirect object.
type decrypter struct {
	s   *security
	num int
	gen int
}

var passwordPad = []byte("\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A")

// newSecurity makes the key from the encryption dictionary. resolve follows references in it.
func newSecurity(d *dict, id []byte, resolve func(object) object) (*security, error) {
	integerOf := func(key name) int64 {
		n, _ := resolve(d.get(key)).(integer)
		return int64(n)
	}
	textOf := func(key name) []byte {
		s, _ := resolve(d.get(key)).(text)
		return s
	}
	if f, _ := resolve(d.get("Filter")).(name); f != "Standard" {
		return nil, kit.Encrypted("PDF security handler %.40q", string(f))
	}
	v, r := integerOf("V"), integerOf("R")
	s := &security{strings: cryptRC4, stream: cryptRC4}
	if m, ok := resolve(d.get("EncryptMetadata")).(boolean); ok && !bool(m) {
		s.plainMetadata = true
	}
	if v >= 4 {
		var err error
		if s.stream, err = cryptFilter(d, "StmF", resolve); err != nil {
			return nil, err
		}
		if s.strings, err = cryptFilter(d, "StrF", resolve); err != nil {
			return nil, err
		}
	}
	switch v {
	case 1, 2, 4:
		n := integerOf("Length") / 8
		if v == 1 {
			n = 5
		}
		if v == 4 {
			n = 16
		}
		if n < 5 || n > 16 {
			n = 5
		}
		s.key = legacyKey(textOf("O"), id, uint32(integerOf("P")), int(n), r, s.plainMetadata) //nolint:gosec // G115: P is 32 bits of flags, signed in the file
		if !legacyCheck(s.key, textOf("U"), id, r) {
			return nil, kit.Encrypted("PDF needs a password")
		}
	case 5:
		key, ok := modernKey(textOf("U"), textOf("UE"), r)
		if !ok {
			return nil, kit.Encrypted("PDF needs a password")
		}
		s.key = key
	default:
		return nil, kit.Encrypted("PDF encryption version %d", v)
	}
	return s, nil
}

func cryptFilter(d *dict, which name, resolve func(object) object) (method, error) {
	n, _ := resolve(d.get(which)).(name)
	if n == "" || n == "Identity" {
		return cryptNone, nil
	}
	filters, _ := resolve(d.get("CF")).(*dict)
	f, _ := resolve(filters.get(n)).(*dict)
	switch m, _ := resolve(f.get("CFM")).(name); m {
	case "V2":
		return cryptRC4, nil
	case "AESV2":
		return cryptAESV2, nil
	case "AESV3":
		return cryptAESV3, nil
	case "None":
		return cryptNone, nil
	default:
		return cryptNone, kit.Encrypted("PDF crypt filter %.40q", string(m))
	}
}

// legacyKey is algorithm 2.
func legacyKey(o, id []byte, p uint32, n int, r int64, plainMetadata bool) []byte {
	h := md5.New()
	h.Write(passwordPad)
	h.Write(o[:min(len(o), 32)])
	h.Write(binary.LittleEndian.AppendUint32(nil, p))
	h.Write(id)
	if r >= 4 && plainMetadata {
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	key := h.Sum(nil)
	if r >= 3 {
		for range 50 {
			sum := md5.Sum(key[:n])
			key = sum[:]
		}
	}
	return key[:n]
}

// legacyCheck is algorithm 6 with 4 or 5.
func legacyCheck(key, u, id []byte, r int64) bool {
	if r < 3 {
		return bytes.Equal(rc4Crypt(key, passwordPad), u)
	}
	h := md5.New()
	h.Write(passwordPad)
	h.Write(id)
	x := h.Sum(nil)
	for i := range 20 {
		k := make([]byte, len(key))
		for j := range k {
			k[j] = key[j] ^ byte(i)
		}
		x = rc4Crypt(k, x)
	}
	return len(u) >= 16 && bytes.Equal(x[:16], u[:16])
}

// modernKey is algorithm 2.A for the empty user password.
func modernKey(u, ue []byte, r int64) ([]byte, bool) {
	if len(u) < 48 || len(ue) < 32 {
		return nil, false
	}
	hash := modernHash
	if r == 5 {
		hash = func(salt []byte) []byte { s := sha256.Sum256(salt); return s[:] }
	}
	if !bytes.Equal(hash(u[32:40]), u[:32]) {
		return nil, false
	}
	block, err := aes.NewCipher(hash(u[40:48]))
	if err != nil {
		return nil, false
	}
	key := make([]byte, 32)
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(key, ue[:32])
	return key, true
}

// modernHash is algorithm 2.B for the empty password and no user key.
func modernHash(salt []byte) []byte {
	sum := sha256.Sum256(salt)
	k := sum[:]
	for round := 1; ; round++ {
		k1 := bytes.Repeat(k, 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		e := make([]byte, len(k1))
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, k1)
		mod := 0
		for _, b := range e[:16] {
			mod += int(b)
		}
		switch mod % 3 {
		case 0:
			s := sha256.Sum256(e)
			k = s[:]
		case 1:
			s := sha512.Sum384(e)
			k = s[:]
		default:
			s := sha512.Sum512(e)
			k = s[:]
		}
		// The rounds are counted from one here, as all readers do: one less is right in all but one file of a hundred.
		if round >= 64 && int(e[len(e)-1]) <= round-32 {
			return k[:32]
		}
	}
}

func rc4Crypt(key, data []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out
}

func (d *decrypter) string(b []byte) (object, error) {
	out, err := d.decrypt(d.s.strings, b)
	return text(out), err
}

func (d *decrypter) stream(b []byte) ([]byte, error) { return d.decrypt(d.s.stream, b) }

func (d *decrypter) decrypt(m method, b []byte) ([]byte, error) {
	switch m {
	case cryptNone:
		return b, nil
	case cryptRC4:
		return rc4Crypt(d.objectKey(nil), b), nil
	case cryptAESV2:
		return cbc(d.objectKey([]byte("sAlT")), b)
	case cryptAESV3:
		return cbc(d.s.key, b)
	}
	return nil, kit.Encrypted("PDF encryption method %d", m)
}

// objectKey is algorithm 1.
func (d *decrypter) objectKey(salt []byte) []byte {
	h := md5.New()
	h.Write(d.s.key)
	h.Write([]byte{byte(d.num), byte(d.num >> 8), byte(d.num >> 16), byte(d.gen), byte(d.gen >> 8)}) //nolint:gosec // G115: the low bytes are meant
	h.Write(salt)
	return h.Sum(nil)[:min(len(d.s.key)+5, 16)]
}

// cbc decrypts AES in CBC mode with the vector in front and padding at the end. Bad padding is what many writers
// leave, so the data then stays as long as it is.
func cbc(key, b []byte) ([]byte, error) {
	if len(b) < 16 {
		return nil, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, kit.Corrupt("PDF key: %w", err)
	}
	body := b[16 : 16+(len(b)-16)/16*16]
	out := make([]byte, len(body))
	cipher.NewCBCDecrypter(block, b[:16]).CryptBlocks(out, body)
	if n := len(out); n > 0 {
		if pad := int(out[n-1]); pad >= 1 && pad <= 16 {
			out = out[:n-pad]
		}
	}
	return out, nil
}
