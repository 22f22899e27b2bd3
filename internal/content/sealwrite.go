package content

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"path"

	"icapd/scan"
)

// What is signed and has to change: the signature would be wrong, and is left out. The content stays in the form that its
// readers expect.

var errSealed = errors.New("more than one content, or too long")

// onlyKid returns the content of a message that has one.
func onlyKid(n *node) (*node, error) {
	if len(n.kids) != 1 || n.kids[0].current().Size() > 1<<31 {
		return nil, errSealed
	}
	return n.kids[0], nil
}

// keepExtension gives a wrapped file the new name of what is in it, with the extension that it had.
func keepExtension(n, k *node) {
	if ext := path.Ext(n.item.Name); k.newName != "" && ext != "" && n.item.Name != "" {
		n.newName = k.newName + ext
	}
}

// pack implements packer: a message that is signed by nobody (RFC 5652, section 5.1).
func (cmsFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	k, err := onlyKid(n)
	if err != nil {
		return err
	}
	keepExtension(n, k)
	size := int(k.current().Size())
	data := "\x06\x09" + string(cmsOID) + "\x01"
	octets := der(0x04, size)
	inner := der(0xa0, len(octets)+size)
	encap := der(0x30, len(data)+len(inner)+len(octets)+size)
	const version, none = "\x02\x01\x01", "\x31\x00"
	rest := len(version) + 2*len(none) + len(encap) + len(data) + len(inner) + len(octets) + size
	signed := der(0x30, rest)
	kind := "\x06\x09" + string(cmsOID) + "\x02"
	shown := der(0xa0, len(signed)+rest)
	head := der(0x30, len(kind)+len(shown)+len(signed)+rest) + kind + shown + signed + version + none + encap + data + inner + octets
	if _, err := io.WriteString(dst, head); err != nil {
		return err
	}
	if err := copyBlob(ctx, dst, k.current()); err != nil {
		return err
	}
	_, err = io.WriteString(dst, none)
	return err
}

// der is the head of an element of DER (X.690, section 8.1) with so many bytes behind it.
func der(tag byte, size int) string {
	if size < 0x80 {
		return string([]byte{tag, byte(size)}) //nolint:gosec // G115: looked at in the line before
	}
	n := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, uint64(size)), "\x00")
	return string([]byte{tag, 0x80 | byte(len(n))}) + string(n) //nolint:gosec // G115: 8 at most
}

// pack implements packer: one packet with the file, as it is (RFC 9580, section 5.9), in armor if it was.
func (f pgpFormat) pack(ctx context.Context, _ *Tree, n *node, dst io.Writer) error {
	k, err := onlyKid(n)
	if err != nil {
		return err
	}
	keepExtension(n, k)
	switch _, packets := k.f.(pgpFormat); {
	case f.armored:
		return armor(k.current(), dst)
	case packets: // it was packed
		return copyBlob(ctx, dst, k.current())
	}
	name := k.item.Name
	if k.newName != "" {
		name = k.newName
	}
	name = name[:min(len(name), maxName)]
	head := binary.BigEndian.AppendUint32([]byte{0xc0 | pgpLiteral, 0xff}, uint32(int64(len(name)+6)+k.current().Size())) //nolint:gosec // see onlyKid
	head = append(append(head, 'b', byte(len(name))), name...)                                                            //nolint:gosec // G115: maxName at most
	if _, err := dst.Write(append(head, 0, 0, 0, 0)); err != nil {
		return err
	}
	return copyBlob(ctx, dst, k.current())
}

// armorLine is how many bytes a line of armor carries.
const armorLine = 48

// armor writes packets as text (RFC 9580, section 6).
func armor(b scan.Blob, dst io.Writer) error {
	data, err := b.Bytes()
	if err != nil {
		return err
	}
	out := bytes.NewBufferString("-----BEGIN PGP MESSAGE-----\r\n\r\n")
	sum := base64.StdEncoding.EncodeToString(crc24(data))
	for len(data) > 0 {
		line := data[:min(len(data), armorLine)]
		data = data[len(line):]
		out.WriteString(base64.StdEncoding.EncodeToString(line) + "\r\n")
	}
	out.WriteString("=" + sum + "\r\n-----END PGP MESSAGE-----\r\n")
	_, err = dst.Write(out.Bytes())
	return err
}

// crc24 is the checksum of armor (section 6.1).
func crc24(data []byte) []byte {
	crc := uint32(0xb704ce)
	for _, c := range data {
		crc ^= uint32(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return []byte{byte(crc >> 16), byte(crc >> 8), byte(crc)} //nolint:gosec // the bytes of a number
}
