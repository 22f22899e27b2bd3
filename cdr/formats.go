package cdr

import (
	"slices"

	"icapd/cdr/image"
	"icapd/cdr/kit"
	"icapd/cdr/markup"
	"icapd/cdr/odf"
	"icapd/cdr/ole"
	"icapd/cdr/ooxml"
	"icapd/cdr/pdf"
	"icapd/cdr/rtf"
	"icapd/cdr/text"
)

// Formats returns the formats that this build can make safe. Each media type belongs to one of them.
func Formats() []kit.Format {
	return slices.Concat(
		image.Formats(),
		markup.Formats(),
		pdf.Formats(),
		odf.Formats(),
		ooxml.Formats(),
		text.Formats(),
		[]kit.Format{rtf.Format{}, ole.Format{}},
	)
}
