package content

import (
	"errors"
	"strings"

	"icapd/scan"
)

// formatOf returns the format that opens items of a media type, nil for leaves. It is the list of all formats.
func formatOf(typ string) format {
	switch typ {
	case typeJSON:
		return jsonFormat{}
	case typeNDJSON:
		return ndjsonFormat{}
	case typeSSE:
		return sseFormat{}
	case typeXML:
		return xmlFormat{}
	case typeHTML:
		return htmlFormat{}
	case typeForm:
		return formFormat{}
	case typeCSV:
		return csvFormat{}
	case typeTSV:
		return csvFormat{tab: true}
	case typeYAML:
		return yamlFormat{}
	case typeMsgPack:
		return packedFormat{}
	case typeCBOR:
		return packedFormat{cbor: true}
	case typeProto:
		return protoFormat{}
	case typeText:
		return textFormat{}
	case typeMail:
		return mimeFormat{mail: true}
	case typeZip:
		return zipFormat{}
	case typeTar:
		return tarFormat{}
	case typeAr:
		return arFormat{}
	case typeCpio:
		return cpioFormat{}
	case typeRPM:
		return rpmFormat{}
	case typeYenc:
		return yencFormat{}
	case typeTNEF:
		return tnefFormat{}
	case typeOLE:
		return oleFormat{}
	case typeCab:
		return cabFormat{}
	case typeISO:
		return isoFormat{}
	case typeRar:
		return rarFormat{}
	case type7z:
		return sevenFormat{}
	case typeLzip, typeLZMA, typeCompress:
		return streamFormat{typ: typ}
	case typePGP:
		return pgpFormat{armored: true}
	case typePGPData:
		return pgpFormat{}
	case typeCMS:
		return cmsFormat{}
	case "application/x-java-serialized-object":
		return dataFormat{}
	case typeOneNote:
		return oneNoteFormat{}
	case typeHTTP:
		return httpFormat{}
	case typeWARC:
		return warcFormat{}
	case typeSMIME, typeSalted:
		return encryptedFormat{}
	case typePDF:
		return pdfFormat{}
	case typeRTF:
		return rtfFormat{}
	case typeGRPCText:
		return grpcText{}
	case typeBplist:
		return bplistFormat{}
	case typeApple:
		return appleFormat{}
	case typeZlib:
		return zlibFormat{}
	case typeGzip, typeBzip2, typeXz, typeZstd, typeLz4, typeSnappy:
		return streamFormat{typ: typ}
	}
	switch {
	case unsupportedTypes[typ]:
		return unsupportedFormat{}
	case strings.HasPrefix(typ, "multipart/"):
		return mimeFormat{}
	case strings.HasSuffix(typ, "+xml"):
		return xmlFormat{}
	case strings.HasSuffix(typ, "+json"):
		return jsonFormat{}
	}
	return nil
}

// unsupportedFormat is a container that nobody here can open: what is in it is a Gap.
type unsupportedFormat struct{}

var errUnsupported = errors.New("no reader for this kind of container")

func (unsupportedFormat) open(*walk, *node) error {
	return &scan.Gap{Reason: scan.ReasonUnsupported, Err: errUnsupported}
}

// unsupportedTypes are containers that are told but not opened.
var unsupportedTypes = map[string]bool{
	"application/x-lzh": true, "application/x-lzop": true, "application/x-arj": true, "application/x-ace": true, "application/x-ms-wim": true,
	"application/x-xar": true, "application/x-squashfs": true, "application/x-stuffit": true, "application/vnd.ms-htmlhelp": true, "application/x-vhd": true,
	"application/x-zoo": true, "application/x-udf": true, "application/x-ms-compress": true, "application/x-rzip": true, "application/x-lrzip": true,
	"application/x-zpaq": true, "application/x-alz": true, "application/x-egg": true, "application/x-vmdk": true, "application/x-qcow2": true,
	"application/vnd.ms-outlook-pst": true, "application/x-nsis": true, "application/x-innosetup": true, "application/x-installshield": true,
	"application/x-vhdx": true, typeDisk: true, "application/x-apple-diskimage": true, typeBinHex: true,
}

// encryptedFormat is content that only its recipient can read.
type encryptedFormat struct{}

func (encryptedFormat) open(*walk, *node) error {
	return &scan.Gap{Reason: scan.ReasonEncrypted, Err: errEncrypted}
}
