package content

import (
	"encoding/binary"
	"strconv"

	"icapd/scan"
)

// tnefFormat is a winmail.dat (MS-OXTNEF): attachments and the message body of Outlook.
type tnefFormat struct{}

// Attributes that hold contents or begin an attachment.
const (
	tnefAttachTitle = 0x00018010
	tnefAttachData  = 0x0006800f
	tnefAttachRend  = 0x00069002
	tnefMessageBody = 0x0002800c
)

func (tnefFormat) open(w *walk, n *node) error {
	b := n.item.Blob
	names := nameSet{}
	title, count := "", 0
	var at, data, size int64
	flush := func() error { // the title may come before or behind the data
		if size == 0 {
			return nil
		}
		count++
		if title == "" {
			title = "attachment" + strconv.Itoa(count)
		}
		err := w.stored(n, title, data, size, names)
		title, size = "", 0
		return err
	}
	for at = 6; at+9 <= b.Size(); {
		h := readAt(b, at, 9)
		id, length := binary.LittleEndian.Uint32(h[1:]), int64(binary.LittleEndian.Uint32(h[5:]))
		body := at + 9
		at = body + length + 2
		if at > b.Size()+2 {
			return firstErr(flush(), &scan.Gap{Reason: scan.ReasonCorrupt, Err: errShort})
		}
		switch id {
		case tnefAttachRend:
			if err := flush(); err != nil {
				return err
			}
		case tnefAttachTitle:
			title = entryName(cString(readAt(b, body, int(min(length, maxName)))))
		case tnefAttachData:
			if err := flush(); err != nil {
				return err
			}
			data, size = body, length
		case tnefMessageBody:
			if err := w.stored(n, "body.txt", body, length, names); err != nil {
				return err
			}
		}
	}
	return flush()
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
