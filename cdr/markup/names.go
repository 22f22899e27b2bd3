package markup

import "strings"

// The names that the specifications know. In kit.ModeRebuild nothing else is written.

// htmlNames are the elements of HTML (WHATWG HTML, sections 4 and 16), those that are obsolete included.
var htmlNames = nameSet(`
	a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote body br button canvas
	caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset figcaption figure
	font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input ins kbd label legend li link
	listing main map mark marquee menu meta meter nav nobr noembed noframes noscript object ol optgroup option output p param picture
	plaintext pre progress q rb rp rt rtc ruby s samp search section select slot small source span strike strong style sub summary
	sup table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp
`)

// htmlAttributes are the attributes of HTML that stay, besides those for the author's own data (data-) and for assistive
// technology (aria-).
var htmlAttributes = nameSet(`
	abbr accept accept-charset accesskey align alink allowfullscreen alt async autocapitalize autocomplete autofocus autoplay axis background
	behavior bgcolor border bordercolor cellpadding cellspacing char charoff charset checked cite class clear color cols colspan
	compact content contenteditable controls coords crossorigin datetime decoding default dir direction dirname disabled
	download draggable enctype enterkeyhint face fetchpriority for form formenctype formmethod formnovalidate formtarget frame
	frameborder headers height hidden high href hreflang hspace http-equiv id inert inputmode ismap itemid itemprop itemref itemscope
	itemtype kind label lang language link list longdesc loop low marginheight marginwidth max maxlength media method min minlength
	multiple muted name nohref noshade novalidate nowrap open optimum pattern placeholder playsinline popover popovertarget
	popovertargetaction poster preload profile prompt readonly referrerpolicy rel required rev reversed role rows rowspan rules
	scheme scope scrollamount scrolldelay scrolling selected shape size sizes span spellcheck src srclang srcset start step style
	summary tabindex target text title translate truespeed type usemap valign value valuetype version vlink vspace width wrap
	about datatype inlist prefix property resource typeof vocab xmlns
`)

// svgAttributes are the attributes of SVG 1.1 and 2 that stay, in lower case: of elements, and the properties of style that
// are attributes, too.
var svgAttributes = nameSet(`
	accent-height accumulate additive alignment-baseline alphabetic amplitude arabic-form ascent attributename attributetype azimuth
	basefrequency baseline-shift baseprofile bbox begin bias by calcmode cap-height class clip clip-path clip-rule clippathunits color
	color-interpolation color-interpolation-filters color-profile color-rendering contentscripttype contentstyletype crossorigin
	cursor cx cy d descent diffuseconstant direction display divisor dominant-baseline download dur dx dy edgemode elevation
	enable-background end exponent fill fill-opacity fill-rule filter filterres filterunits flood-color flood-opacity font-family
	font-size font-size-adjust font-stretch font-style font-variant font-weight format from fr fx fy g1 g2 glyph-name
	glyph-orientation-horizontal glyph-orientation-vertical glyphref gradienttransform gradientunits hanging height href hreflang
	horiz-adv-x horiz-origin-x horiz-origin-y id ideographic image-rendering in in2 intercept isolation k k1 k2 k3 k4
	kernelmatrix kernelunitlength kerning keypoints keysplines keytimes lang lengthadjust letter-spacing lighting-color
	limitingconeangle line-height local marker marker-end marker-mid marker-start markerheight markerunits markerwidth mask mask-type
	maskcontentunits maskunits mathematical max media method min mix-blend-mode mode name numoctaves offset opacity operator order
	orient orientation origin overflow overline-position overline-thickness paint-order panose-1 path pathlength
	patterncontentunits patterntransform patternunits pitch pointer-events points pointsatx pointsaty pointsatz preservealpha
	preserveaspectratio primitiveunits r radius refx refy rel rendering-intent repeatcount repeatdur requiredextensions requiredfeatures
	restart result role rotate rx ry scale seed shape-image-threshold shape-inside shape-margin shape-padding shape-rendering
	shape-subtract side slope solid-color solid-opacity space spacing specularconstant specularexponent spreadmethod
	startoffset stddeviation stemh stemv stitchtiles stop-color stop-opacity strikethrough-position strikethrough-thickness
	stroke stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width string
	style surfacescale systemlanguage tabindex tablevalues target targetx targety text-align text-anchor text-decoration
	text-decoration-color text-decoration-line text-decoration-style text-indent text-orientation text-overflow text-rendering
	textlength title to transform transform-box transform-origin type u1 u2 underline-position underline-thickness unicode
	unicode-bidi unicode-range units-per-em v-alphabetic v-hanging v-ideographic v-mathematical values vector-effect version
	vert-adv-y vert-origin-x vert-origin-y viewbox viewtarget visibility white-space widths width word-spacing
	writing-mode x x-height x1 x2 xchannelselector y y1 y2 ychannelselector z zoomandpan
`)

// knownHTML reports whether an attribute is one of HTML's.
func knownHTML(key string) bool {
	return htmlAttributes[key] || strings.HasPrefix(key, "data-") || strings.HasPrefix(key, "aria-") || strings.HasPrefix(key, "xmlns:") || key == "xml:lang" || key == "xml:space"
}

// knownSVG reports whether an attribute, with its prefix, is one of SVG's or says how XML is read.
func knownSVG(key string) bool {
	key = strings.ToLower(key)
	prefix, local, has := strings.Cut(key, ":")
	switch {
	case !has:
		return svgAttributes[key] || key == "xmlns" || strings.HasPrefix(key, "data-") || strings.HasPrefix(key, "aria-")
	case prefix == "xmlns", prefix == "xml":
		return true
	}
	return local == "href" || prefix == "xlink"
}
