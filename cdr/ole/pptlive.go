package ole

import (
	"encoding/binary"
	"slices"

	"icapd/cdr/kit"
)

// pptPiece is a part of a presentation's stream: a record on top, or bytes that are none.
type pptPiece struct {
	from, to int
	record   bool
}

// pieces cuts the stream into its records on top. They mostly stand one behind the other, but a save may leave what is
// no record between them: then the next record is where an edit says that there is one ([MS-PPT] 2.1.2). Whatever is
// shown is found so, whether or not it was read in passing.
func (s *show) pieces(edit uint32) ([]pptPiece, error) {
	live, err := s.live(edit)
	if err != nil {
		return nil, err
	}
	s.alive = make(map[int]bool, len(live))
	for _, at := range live {
		s.alive[at] = true
	}
	var all []pptPiece
	for at := 0; at < len(s.data); {
		isLive := len(live) > 0 && live[0] == at
		next := len(s.data)
		for len(live) > 0 && next == len(s.data) {
			if live[0] > at {
				next = live[0]
				break
			}
			live = live[1:]
		}
		_, _, _, body, err := pptRecord(s.data[at:])
		end := at + pptHeader + len(body)
		record := err == nil && (isLive || end <= next && !blank(s.data[at:end]))
		if !record {
			end = next
		}
		all = append(all, pptPiece{at, end, record})
		at = end
	}
	return all, nil
}

// live returns the sorted offsets of the records that the edits lead to: the last one, those before it, their
// directories and all that is in them. No stream has room for more of them than a fourth of its bytes.
func (s *show) live(edit uint32) ([]int, error) {
	le := binary.LittleEndian
	var all []int
	seen := map[uint32]bool{} // edits and directories
	record := func(at uint32) []byte {
		if seen[at] || int64(at) >= int64(len(s.data)) {
			return nil
		}
		seen[at] = true
		all = append(all, int(at))
		_, _, _, body, _ := pptRecord(s.data[at:])
		return body
	}
	for {
		body := record(edit)
		if len(body) < 16 {
			break
		}
		directory := record(le.Uint32(body[12:]))
		for len(directory) >= 4 {
			n := int(le.Uint32(directory) >> persistCountBit)
			directory = directory[4:]
			for ; n > 0 && len(directory) >= 4; n-- {
				if at := le.Uint32(directory); int64(at) < int64(len(s.data)) {
					all = append(all, int(at))
				}
				directory = directory[4:]
			}
			if len(all) > len(s.data)/4 {
				return nil, kit.Corrupt("the directories of the presentation are larger than it is")
			}
		}
		if edit = le.Uint32(body[8:]); edit == 0 {
			break
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

const packageHead = "PK\x03\x04"
