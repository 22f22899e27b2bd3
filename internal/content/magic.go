package content

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"icapd/internal/lenient"
)

// magic is a binary type that is told by fixed bytes at a fixed place.
type magic struct {
	at    int
	bytes string
	typ   string
}

// magics are tried in order. Formats of this package are here, because they must be told for certain, and the
// types that malware comes in.
var magics = []magic{
	{0, "PK\x03\x04", typeZip},
	{0, "-----BEGIN PGP MESSAGE-----", typePGP},
	{0, "-----BEGIN PGP ARMORED FILE-----", typePGP},
	{0, "WARC/1.", typeWARC},
	{0, "!BDN", "application/vnd.ms-outlook-pst"},
	{0, "\xef\xbe\xad\xdeNullsoftInst", "application/x-nsis"},
	{4, "\xef\xbe\xad\xdeNullsoftInst", "application/x-nsis"},
	{0, "zlb\x1a", "application/x-innosetup"},
	{0, "idska32\x1a", "application/x-innosetup"},
	{0, "Inno Setup Setup Data (", "application/x-innosetup"},
	{0, "InstallShield\x00", "application/x-installshield"},
	{0, "ISSetupStream\x00", "application/x-installshield"},
	{0, "\xff\x06\x00\x00sNaPpY", typeSnappy},
	{0, "LZIP", typeLzip},
	{0, "\x5d\x00\x00", typeLZMA},
	{0, "\x1f\x9d", typeCompress},
	{2, "-lh", "application/x-lzh"},
	{2, "-lz", "application/x-lzh"},
	{0, "\x89LZO\x00\r\n", "application/x-lzop"},
	{0, "\x60\xea", "application/x-arj"},
	{7, "**ACE**", "application/x-ace"},
	{0, "MSWIM\x00\x00\x00", "application/x-ms-wim"},
	{0, "xar!", "application/x-xar"},
	{0, "hsqs", "application/x-squashfs"},
	{0, "StuffIt ", "application/x-stuffit"},
	{20, "\xdc\xa7\xc4\xfd", "application/x-zoo"},
	{0, "conectix", "application/x-vhd"},
	{0, "PK\x05\x06", typeZip},
	{0, "PK00PK\x03\x04", typeZip},
	{0, "PK\x07\x08PK\x03\x04", typeZip},
	{0, "\x1f\x8b\x08", typeGzip},
	{0, "BZh", typeBzip2},
	{0, "\xfd7zXZ\x00", typeXz},
	{0, "\x28\xb5\x2f\xfd", typeZstd},
	{0, "\x50\x2a\x4d\x18", typeZstd}, // a frame that is skipped
	{0, "\x04\x22\x4d\x18", typeLz4},
	{0, "\x02\x21\x4c\x18", typeLz4}, // of the time before frames; the Linux kernel's
	{0, "bplist00", typeBplist},
	{0, "\xd9\xd9\xf7", typeCBOR}, // the tag that says "this is CBOR"
	{0, "\x00\x05\x16\x00\x00\x02", typeApple},
	{0, "\x00\x05\x16\x07\x00\x02", typeApple},
	{0, "SZDD\x88\xf0\x27\x33", "application/x-ms-compress"},
	{0, "KWAJ\x88\xf0\x27\xd1", "application/x-ms-compress"},
	{0, "RZIP\x02", "application/x-rzip"},
	{0, "LRZI\x00", "application/x-lrzip"},
	{0, "7kSt\xa0\x31\x83\xd3", "application/x-zpaq"},
	{0, "ALZ\x01\x0a\x00\x00\x00", "application/x-alz"},
	{0, "EGGA\x00\x01", "application/x-egg"},
	{0, "KDMV", "application/x-vmdk"},
	{0, "QFI\xfb\x00\x00\x00", "application/x-qcow2"},
	{0, "vhdxfile", "application/x-vhdx"},
	{0, "=ybegin ", typeYenc},
	{0, "(This file must be converted with BinHex", typeBinHex},
	{0, "7z\xbc\xaf\x27\x1c", type7z},
	{0, "Rar!\x1a\x07", typeRar},
	{0, "MSCF\x00\x00\x00\x00", typeCab},
	{0, "!<arch>\n", typeAr},
	{0, "\xed\xab\xee\xdb", typeRPM},
	{0, "070701", typeCpio},
	{0, "070702", typeCpio},
	{0, "070707", typeCpio},
	{257, "ustar", typeTar},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", typeOLE},
	{0, "\x78\x9f\x3e\x22", typeTNEF},
	{0, "%PDF-", typePDF},
	{0, "{\\rt", typeRTF}, // readers ask for no more
	{0, "\x7fELF", "application/x-elf"},
	{0, "\xca\xfe\xba\xbe", "application/x-java-applet"},
	{0, "\xfe\xed\xfa\xce", "application/x-mach-binary"},
	{0, "\xfe\xed\xfa\xcf", "application/x-mach-binary"},
	{0, "\xce\xfa\xed\xfe", "application/x-mach-binary"},
	{0, "\xcf\xfa\xed\xfe", "application/x-mach-binary"},
	{0, "\x00asm\x01\x00\x00\x00", "application/wasm"},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"},
	{0, "ITSF\x03\x00\x00\x00", "application/vnd.ms-htmlhelp"},
	{0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", typeOneNote},
	{0, "\xac\xed\x00\x05", "application/x-java-serialized-object"},
	{0, "\x89PNG\r\n\x1a\n", "image/png"},
	{0, "\xff\xd8\xff", "image/jpeg"},
	{0, "GIF87a", "image/gif"},
	{0, "GIF89a", "image/gif"},
	{8, "WEBPVP8", "image/webp"},
	{4, "Standard Jet DB\x00", typeAccess},
	{4, "Standard ACE DB\x00", typeAccess},
	{0, "%!PS", typePostScript},
	{0, "\x04%!PS", typePostScript},         // as spoolers begin
	{0, "\xc5\xd0\xd3\xc6", typePostScript}, // with a preview behind it (EPSF 3.0, section 5.2)
	{0, "\xd7\xcd\xc6\x9a", typeWMF},
	{0, "\x01\x00\x09\x00\x00\x03", typeWMF},
	{0, "\x02\x00\x09\x00\x00\x03", typeWMF},
	{0, "\x01\x00\x09\x00\x00\x01", typeWMF},
}

// The media types that formats are told by. Where several names are in use it is the one of
// gabriel-vasile/mimetype, because engines and rules compare with those.
const (
	typeBinary     = "application/octet-stream"
	typeText       = "text/plain"
	typeJSON       = "application/json"
	typeZip        = "application/zip"
	typeGzip       = "application/gzip"
	typeBzip2      = "application/x-bzip2"
	typeXz         = "application/x-xz"
	typeZstd       = "application/zstd"
	typeLz4        = "application/x-lz4"
	typeLzip       = "application/lzip"
	typeLZMA       = "application/x-lzma"
	type7z         = "application/x-7z-compressed"
	typeRar        = "application/x-rar-compressed"
	typeCab        = "application/vnd.ms-cab-compressed"
	typeAr         = "application/x-archive"
	typeCpio       = "application/x-cpio"
	typeTar        = "application/x-tar"
	typeOLE        = "application/x-ole-storage"
	typeTNEF       = "application/vnd.ms-tnef"
	typeYenc       = "application/x-yenc"
	typeBinHex     = "application/mac-binhex40"
	typeRPM        = "application/x-rpm"
	typeCompress   = "application/x-compress"
	typeISO        = "application/x-iso9660-image"
	typePGP        = "application/pgp-encrypted"
	typePGPData    = "application/x-openpgp-packets"
	typeSMIME      = "application/pkcs7-mime"
	typeCMS        = "application/pkcs7-signature"
	typeSalted     = "application/x-openssl-encrypted"
	typeSnappy     = "application/x-snappy-framed"
	typeOneNote    = "application/onenote"
	typeHTTP       = "application/http"
	typeWARC       = "application/warc"
	typeDisk       = "application/x-raw-disk-image"
	typeMsgPack    = "application/msgpack"
	typeCBOR       = "application/cbor"
	typeProto      = "application/x-protobuf"
	typeGRPCText   = "application/grpc-web-text"
	typeBplist     = "application/x-bplist"
	typeApple      = "application/applefile"
	typeZlib       = "application/zlib"
	typeRTF        = "text/rtf"
	typePDF        = "application/pdf"
	typeEMF        = "image/emf" // RFC 7903
	typeWMF        = "image/wmf"
	typeAccess     = "application/x-msaccess"
	typePostScript = "application/postscript"
	typePE         = "application/vnd.microsoft.portable-executable"
	typeMail       = "message/rfc822"
	typeXML        = "text/xml"
	typeHTML       = "text/html"
	typeNDJSON     = "application/x-ndjson"
	typeSSE        = "text/event-stream"
	typeForm       = "application/x-www-form-urlencoded"
	typeCSV        = "text/csv"
	typeTSV        = "text/tab-separated-values"
	typeYAML       = "application/yaml"
)

// magicsBy is magics by the first byte of what may have them, in their order: values of unknown bytes are asked about by
// the hundred.
var magicsBy = func() (by [256][]magic) {
	for first := range by {
		for _, m := range magics {
			if m.at > 0 || int(m.bytes[0]) == first {
				by[first] = append(by[first], m)
			}
		}
	}
	return by
}()

// findMagic tells a binary type by fixed bytes, "" if none fits.
func findMagic(head []byte) string {
	if len(head) < 4 {
		return ""
	}
	candidates := magicsBy[head[0]]
	for i := range candidates {
		m := &candidates[i]
		if len(head) >= m.at+len(m.bytes) && head[m.at] == m.bytes[0] && string(head[m.at:m.at+len(m.bytes)]) == m.bytes {
			if fits(m.typ, head) {
				return m.typ
			}
		}
	}
	if typ := tellCMS(head); typ != "" {
		return typ
	}
	switch {
	case isPE(head):
		return typePE
	case isTar(head):
		return typeTar
	case isOldCPIO(head):
		return typeCpio
	case isEMF(head):
		return typeEMF
	}
	if _, ok := lenient.RTF(head); ok {
		return typeRTF
	}
	return ""
}

// isEMF reports whether bytes begin with the header of an enhanced metafile ([MS-EMF] 2.3.4.2).
func isEMF(head []byte) bool {
	return len(head) >= 88 && binary.LittleEndian.Uint32(head) == 1 && string(head[40:44]) == " EMF"
}

// fits reports whether there is what must stand behind marks of few bytes, which any file has by chance.
func fits(typ string, head []byte) bool {
	switch typ {
	case typeLZMA:
		return isLZMA(head)
	case typeCompress:
		return isCompress(head)
	case "application/x-lzh":
		return isLZH(head)
	case "application/x-arj":
		return isARJ(head)
	}
	return true
}

// isPE reports whether bytes begin like a DOS or Windows program: "MZ" alone is two letters of text.
func isPE(head []byte) bool {
	if len(head) < 64 || head[0] != 'M' || head[1] != 'Z' {
		return false
	}
	off := binary.LittleEndian.Uint32(head[60:])
	if int64(off)+4 <= int64(len(head)) {
		return bytes.HasPrefix(head[off:], []byte("PE\x00\x00")) || bytes.IndexByte(head[:64], 0) >= 0
	}
	return bytes.IndexByte(head[:64], 0) >= 0
}

// isTar reports whether the first block is a tar header of the time before ustar: its checksum fits.
func isTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	stored, digits := 0, 0
	for _, c := range head[148:156] {
		switch {
		case c >= '0' && c <= '7':
			stored = stored*8 + int(c-'0')
			digits++
		case c != ' ' && c != 0:
			return false
		}
	}
	if digits == 0 {
		return false
	}
	sum := 8 * int(' ') // the field of the checksum counts as spaces
	for i, c := range head[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	return stored == sum
}

// isOldCPIO reports whether bytes begin like a cpio archive of the old binary format, in either order of bytes: a
// known kind of file, and a name of a plausible length with its end.
func isOldCPIO(head []byte) bool {
	order := oldCPIOOrder(head)
	if order == nil || len(head) < cpioOldLen+2 {
		return false
	}
	n := int(order.Uint16(head[20:]))
	kind := order.Uint16(head[6:]) >> 12
	return n > 1 && n <= 1024 && len(head) >= cpioOldLen+n && head[cpioOldLen+n-1] == 0 && kind >= 1 && kind <= 12
}

// oldCPIOOrder returns the order of bytes that the magic number of the old binary format says, nil if it is none.
func oldCPIOOrder(head []byte) binary.ByteOrder {
	switch {
	case len(head) < 2:
	case head[0] == 0xc7 && head[1] == 0x71:
		return binary.LittleEndian
	case head[0] == 0x71 && head[1] == 0xc7:
		return binary.BigEndian
	}
	return nil
}

// isCompress reports whether a file of compress(1) can begin so: with codes of a width that there is, of which the first is
// a byte.
func isCompress(head []byte) bool {
	return head[2]&0x60 == 0 && head[2]&0x1f >= 9 && head[2]&0x1f <= 16 && (len(head) < 5 || head[4]&1 == 0)
}

// isARJ reports whether the header of an ARJ archive is what its checksum says.
func isARJ(head []byte) bool {
	if len(head) < 38 {
		return false
	}
	end := 4 + int(binary.LittleEndian.Uint16(head[2:]))
	return end <= 2604 && end+4 <= len(head) && crc32.ChecksumIEEE(head[4:end]) == binary.LittleEndian.Uint32(head[end:])
}

// isLZMA reports whether bytes begin like the old .lzma format, which has no magic: usual properties, a
// dictionary of a usual size, and a size that is unknown or not absurd.
func isLZMA(head []byte) bool {
	if len(head) < 13 {
		return false
	}
	dict, size := binary.LittleEndian.Uint32(head[1:]), binary.LittleEndian.Uint64(head[5:])
	return dict >= 1<<12 && dict&(dict-1) == 0 && (size == 1<<64-1 || size < 1<<38)
}

// isLZH reports whether the method in an LHA header is one: "-lh5-".
func isLZH(head []byte) bool { return len(head) > 21 && head[6] == '-' }
