package rtf

import (
	"bytes"
	"strings"
)

// known reports whether a destination that readers may ignore (\*) is one of the specification's, or one that
// common writers use for how things look. What nobody knows, nobody misses.
func known(dest string) bool {
	if destinations[dest] {
		return true
	}
	// Mathematics has some sixty destinations, all of which begin with the same letter.
	return len(dest) > 1 && dest[0] == 'm' && mathematics[strings.TrimSuffix(dest[1:], "pr")]
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

var destinations = set(`
	aftncn aftnsep aftnsepc annotation atnauthor atndate atnicn atnid atnparent atnref atntime atrfend atrfstart
	author background bkmkend bkmkstart blipuid buptim category colorschememapping colortbl comment company
	creatim cs defchp defpap do doccomm docvar ds dptxbxtext ebcend ebcstart factoidname falt fchars
	ffdeftext ffformat ffhelptext ffl ffname ffstattext file filetbl fldinst fldrslt
	fname fonttbl footer footerf footerl footerr footnote formfield ftncn ftnsep ftnsepc g
	generator gridtbl header headerf headerl headerr headeryb hl hlfr hlinkbase hlloc hlsrc hsv info keycode keywords
	latentstyles lchars levelnumbers leveltext lfolevel list listlevel listname listoverride listoverridetable
	listpicture liststylename listtable listtext lsdlockedexcept macc manager mmath momath momathpara
	mmathpict mmathpr nesttableprops nextfile nonesttables objalias objclass objname objsect objtime oldcprops
	oldpprops oldsprops oldtprops operator panose password pgdsctbl pgp pgptbl picprop pict pn pnseclvl pntext
	pntxta pntxtb printim private propname protend protstart pxe result revtbl revtim rsidtbl rxe
	shp shpgrp shpinst shppict shprslt shptxt sn sp staticval stylesheet subject sv svb tbl tc tcn themedata title ts
	txe ud upr userprops wgrffmtfilter windowcaption writereservation writereservhash xe xform xmlattrname
	xmlattrvalue xmlclose xmlname xmlnstbl
	expandedcolortbl cocoartf pgdscno hyphen flymaincnt flyvert flyhorz flyanchor ftncnt nofchars
	ggv docshd formprot sectd bkmkcolf bkmkcoll bkmkpub pnlvl shplid zwbo zwnbo rtlch ltrch loch hich dbch
	cgrid langnp langfenp listid keepn
`)

var mathematics = set(`
	acc bar box borderbox d deg den e eqarr f fname func groupchr lim limlow limupp limloc m maxdist mc mcjc mcs mcount
	nary nor num objdist omath omathpara oargsz phant pos r rad rsp rsprule sepchr show shp spre ssub ssubsup ssup sub
	sup suphide subhide sty t ctrl cgp cgprule chr begchr endchr alni aln argsz basejc brk cr degHide deghide
	diff grow hideb hidel hider hidet lit maths maxd opemu plchide scr strikebltr strikeh striketlbr strikev transp
	type vertjc zeroasc zerodesc zerowid defjc dispdef interSp intersp intrasp intlim lmargin mathfont narylim postsp
	presp rmargin smallfrac wrapindent wrapright brkbin brkbinsub dispdef mathpr
`)

// isListTag reports whether a group is the number that AbiWord writes in front of each paragraph, and nothing else.
func isListTag(group []byte) bool {
	n, ok := bytes.CutPrefix(group, []byte(`{\*\listtag`))
	const most = len("4294967295}")
	return ok && len(n) > 1 && len(n) <= most && n[len(n)-1] == '}' && len(bytes.Trim(n[:len(n)-1], "0123456789")) == 0
}

// isView reports whether a group is how the document was seen when it was written, a number, which some writers mark as what not
// all readers know.
func isView(group []byte) bool {
	const most = len("100}")
	for _, head := range []string{`{\*\viewkind`, `{\*\viewscale`} {
		if n, ok := bytes.CutPrefix(group, []byte(head)); ok && len(n) > 1 && len(n) <= most {
			return n[len(n)-1] == '}' && len(bytes.Trim(n[:len(n)-1], "0123456789")) == 0
		}
	}
	return false
}
