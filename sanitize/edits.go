package sanitize

import "slices"

// edits are the places at which a layer that was taken off changed a view, in pages of the view beneath it. What stands
// far from all of them was looked at before the layer came off. The zero edits has none; a nil one takes no notes.
type edits struct {
	pages []int // ascending
	all   bool

	composer composer // of the layer that composes
}

// editPage is how exact the places are, maxEdit the most that a layer puts in one place, in bytes: an inner lookup.
const (
	editPage = 256
	maxEdit  = maxLookup
)

func (e *edits) reset() { e.pages, e.all, e.composer.work = e.pages[:0], false, 0 }

// charge counts work of the layer that composes.
func (e *edits) charge(n int) {
	if e != nil {
		e.composer.work += n
	}
}

// size returns how much of a view the edits are at most.
func (e *edits) size(view []byte) int {
	if e.all {
		return len(view)
	}
	return min(len(view), len(e.pages)*editPage)
}

// compose composes what stands in out from start on.
func (e *edits) compose(out []byte, start int) (composed []byte, changed bool) {
	if e == nil {
		return new(composer).compose(out, start)
	}
	if composed, changed = e.composer.compose(out, start); changed {
		for at := start; at < len(composed); at += maxEdit {
			e.at(at)
		}
		e.at(len(composed))
	}
	return composed, changed
}

// at notes that up to maxEdit bytes of the view from a place on are its own. Places ascend.
func (e *edits) at(place int) {
	if e == nil {
		return
	}
	first, last := place/editPage, (place+maxEdit)/editPage
	if n := len(e.pages); n > 0 {
		first = max(first, e.pages[n-1]+1)
	}
	for ; first <= last; first++ {
		e.pages = append(e.pages, first)
	}
}

// everywhere notes that nobody knows where the view differs.
func (e *edits) everywhere() {
	if e != nil {
		e.all = true
	}
}

// within reports whether the view may differ from start up to end.
func (e *edits) within(start, end int) bool {
	if e.all {
		return true
	}
	i, _ := slices.BinarySearch(e.pages, start/editPage)
	return i < len(e.pages) && e.pages[i] <= (end-1)/editPage
}
