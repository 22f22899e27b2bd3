package pdf

import "icapd/cdr/kit"

// role says what an object is to the place that refers to it.
type role uint8

const (
	roleData role = iota // fonts, colours, functions, and whatever is unknown: judged by its shape
	roleFree             // a dictionary whose keys are names that people chose
	roleCatalog
	rolePages // nodes of the page tree, and pages
	roleAnnot // annotations, and fields, and both in one
	roleField // the same, seen from the form
	roleStamp // an annotation of which only the appearance stays
	roleAppearance
	roleAction
	roleOpen // the catalog's OpenAction
	roleDest
	roleDestTree
	roleOutline
	roleNames
	roleForm
	roleXObject
	roleXObjects // a dictionary, or name tree, of these
	roleResources
	roleFonts
	roleFont
	roleStruct
	roleMetadata
	roleInfo
	roleFile     // a file specification
	roleFileTree // a name tree of these
	roleFileData // an embedded file
	roleDrop     // never written; the place says why
)

// schema lists the keys of the dictionaries that matter, with the role of their values. Keys that are not listed are
// data in ModeDisarm, and not written in ModeRebuild. A role without an entry has no list.
var schema = map[role]map[name]role{
	roleCatalog: {
		"Type": roleData, "Version": roleData, "Extensions": roleData, "Pages": rolePages, "PageLabels": roleData,
		"Names": roleNames, "Dests": roleFreeDests, "ViewerPreferences": roleData, "PageLayout": roleData,
		"PageMode": roleData, "Outlines": roleOutline, "Threads": roleData, "OpenAction": roleOpen, "URI": roleData,
		"AcroForm": roleForm, "Metadata": roleMetadata, "StructTreeRoot": roleStruct, "MarkInfo": roleData,
		"Lang": roleData, "OutputIntents": roleData, "OCProperties": roleData,
		"DPartRoot": roleData,
	},
	rolePages: {
		"Type": roleData, "Parent": rolePages, "Kids": rolePages, "Count": roleData, "LastModified": roleData,
		"Resources": roleResources, "MediaBox": roleData, "CropBox": roleData, "BleedBox": roleData, "TrimBox": roleData,
		"ArtBox": roleData, "BoxColorInfo": roleData, "Contents": roleData, "Rotate": roleData, "Group": roleData,
		"B": roleData, "Dur": roleData, "Trans": roleData, "Annots": roleAnnot,
		"Metadata": roleMetadata, "StructParents": roleData, "ID": roleData, "PZ": roleData,
		"SeparationInfo": roleData, "Tabs": roleData, "TemplateInstantiated": roleData, "UserUnit": roleData,
		"VP": roleData, "OutputIntents": roleData, "DPart": roleData,
	},
	roleAnnot: {
		"Type": roleData, "Subtype": roleData, "Rect": roleData, "Contents": roleData, "P": rolePages, "NM": roleData,
		"M": roleData, "F": roleData, "AP": roleAppearance, "AS": roleData, "Border": roleData, "C": roleData,
		"StructParent": roleData, "OC": roleData, "ca": roleData, "CA": roleData, "BM": roleData, "Lang": roleData,
		"T": roleData, "Popup": roleAnnot, "RC": roleData, "RV": roleData, "CreationDate": roleData, "IRT": roleAnnot, "Subj": roleData,
		"RT": roleData, "IT": roleData, "ExData": roleData, "Open": roleData, "Name": roleData, "State": roleData,
		"StateModel": roleData, "A": roleAction, "PA": roleAction, "Dest": roleDest, "H": roleData,
		"QuadPoints": roleData, "BS": roleData, "BE": roleData, "DA": roleData, "Q": roleData, "DS": roleData,
		"CL": roleData, "RD": roleData, "LE": roleData, "L": roleData, "LL": roleData, "LLE": roleData, "LLO": roleData,
		"CP": roleData, "CO": roleData, "Cap": roleData, "Measure": roleData, "IC": roleData, "Vertices": roleData,
		"Path": roleData, "InkList": roleData, "Sy": roleData, "Parent": roleField, "FS": roleFile, "MK": roleData,
		"FT": roleData, "Kids": roleField, "TU": roleData, "TM": roleData, "Ff": roleData, "V": roleData, "DV": roleData,
		"DR": roleResources, "MaxLen": roleData, "Opt": roleData, "TI": roleData, "I": roleData, "Lock": roleData,
		"RO": roleXObject, "OverlayText": roleData, "Repeat": roleData, "FixedPrint": roleData, "MN": roleData,
		"Rotate": roleData,
	},
	roleStamp: {
		"Rect": roleData, "Contents": roleData, "P": rolePages, "NM": roleData, "M": roleData, "F": roleData,
		"AP": roleAppearance, "AS": roleData, "StructParent": roleData, "OC": roleData, "ca": roleData, "CA": roleData,
	},
	roleAppearance: {"N": roleXObjects, "R": roleXObjects, "D": roleXObjects},
	roleNames:      {"Dests": roleDestTree, "AP": roleXObjects, "EmbeddedFiles": roleFileTree},
	roleDest:       {"D": roleDest, "SD": roleData},
	roleOutline: {
		"Type": roleData, "Title": roleData, "Parent": roleOutline, "Prev": roleOutline, "Next": roleOutline,
		"First": roleOutline, "Last": roleOutline, "Count": roleData, "Dest": roleDest, "A": roleAction, "SE": roleStruct,
		"C": roleData, "F": roleData,
	},
	roleForm: {
		"Fields": roleField, "NeedAppearances": roleData, "DR": roleResources, "DA": roleData,
		"Q": roleData,
	},
	roleResources: {
		"ExtGState": roleFree, "ColorSpace": roleFree, "Pattern": roleFree, "Shading": roleFree,
		"XObject": roleXObjects, "Font": roleFonts, "ProcSet": roleData, "Properties": roleFree,
	},
	roleStruct: {
		"Type": roleData, "S": roleData, "ID": roleData, "P": roleStruct, "Pg": rolePages, "K": roleStruct, "A": roleData,
		"C": roleData, "R": roleData, "T": roleData, "Lang": roleData, "Alt": roleData, "E": roleData,
		"ActualText": roleData, "Ref": roleStruct, "NS": roleData, "PhoneticAlphabet": roleData, "Phoneme": roleData,
		"Obj": roleData, "Stm": roleData, "MCID": roleData, "StmOwn": roleData, "IDTree": roleStruct,
		"ParentTree": roleStruct, "ParentTreeNextKey": roleData, "RoleMap": roleFree, "ClassMap": roleFree,
		"Namespaces": roleData, "Kids": roleStruct, "Nums": roleStruct, "Names": roleStruct, "Limits": roleData,
	},
	roleFile: {
		"Type": roleData, "F": roleData, "UF": roleData, "EF": roleFileData, "Desc": roleData, "AFRelationship": roleData,
	},
}

// roleFreeDests is the dictionary of destinations of PDF 1.1: a name tree without the tree.
const roleFreeDests = roleDestTree

// dataKeys are the keys whose values have a role of their own wherever they stand.
var dataKeys = map[name]role{
	"Resources": roleResources, "CharProcs": roleFree, "Colorants": roleFree, "RoleMap": roleFree, "ClassMap": roleFree,
	"AP": roleAppearance, "Annots": roleAnnot, "Metadata": roleMetadata,
	"StructTreeRoot": roleStruct, "Process": roleData, "Names": roleData, "A": roleData, "Dest": roleDest,
}

// forbidden are keys that are never written, with the vector that they are. Dictionaries of names that people chose
// (roleFree) are exempt: a font may be called AA.
var forbidden = map[name]string{
	"AA": vectorAdditional, "JS": vectorJavaScript, "JavaScript": vectorJavaScript, "OnInstantiate": vectorJavaScript,
	"XFA": vectorXFA, "XFAResources": vectorXFA, "NeedsRendering": vectorXFA, "EF": vectorEmbedded, "AF": vectorEmbedded,
	"EmbeddedFiles": vectorEmbedded, "Collection": vectorPortfolio, "OPI": vectorOPI, "Alternates": vectorAlternates,
	"SpiderInfo": vectorCapture, "IDS": vectorCapture, "URLS": vectorCapture, "Requirements": vectorRequirements,
	"RichMediaContent": vectorRichMedia, "RichMediaSettings": vectorRichMedia, "AlternatePresentations": vectorPresentation,
	"Renditions": vectorRendition, "PresSteps": vectorPresentation, "DestOutputProfileRef": vectorFileURL,
	"PronunciationLexicon": vectorFileURL, "FFilter": vectorExternal, "FDecodeParms": vectorExternal,
	"Templates": vectorTemplates, "Legal": vectorLegal,
}

// exclusive are the roles whose dictionaries have the keys of the schema and no others, and what another one is called:
// names lead to what scripts and forms ask for, an appearance has three states, a destination with more than a place is an action in disguise.
var exclusive = map[role]string{roleNames: vectorUnknownKey, roleDest: vectorUnknownKey, roleAppearance: vectorUnknownKey}

// quiet are keys that are not written when the document is, but for which alone it is not.
var quiet = map[role]map[name]string{
	roleCatalog: {"Perms": vectorSignature, "DSS": vectorSignature},
	rolePages:   {"ID": vectorCapture, "PZ": vectorCapture},
	roleForm:    {"CO": vectorAdditional},
	roleNames:   {"AP": vectorTemplates},
	roleAnnot:   {"SV": vectorSignature, "Lock": vectorSignature},
}

// actionVectors are the actions of table 201 and of extensions, and what they are called in a report. An empty
// string is for those that may stay.
var actionVectors = map[name]string{
	"GoTo": "", "URI": "", "Named": "",
	"JavaScript": vectorJavaScript, "Launch": vectorLaunch, "SubmitForm": vectorSubmit, "ImportData": vectorImport,
	"ResetForm": vectorReset, "Hide": vectorHide, "GoToR": vectorRemoteDest, "GoToE": vectorRemoteDest,
	"Thread": vectorThread, "Rendition": vectorRendition, "Sound": vectorSound, "Movie": vectorMovie,
	"RichMediaExecute": vectorRichMedia, "GoTo3DView": vector3D, "Trans": vectorTransition,
	"SetOCGState": vectorLayer, "SetState": vectorHide, "NOP": vectorUnknownAction, "GoToDp": vectorRemoteDest,
}

// annotVectors are the kinds of annotations: what acts has a vector, the others have none.
var annotVectors = map[name]string{
	"Text": "", "Link": "", "FreeText": "", "Line": "", "Square": "", "Circle": "", "Polygon": "", "PolyLine": "",
	"Highlight": "", "Underline": "", "Squiggly": "", "StrikeOut": "", "Stamp": "", "Caret": "", "Ink": "", "Popup": "",
	"Widget": "", "PrinterMark": "", "Watermark": "", "Redact": "", "Projection": "",
	"FileAttachment": vectorEmbedded, "RichMedia": vectorRichMedia, "3D": vector3D, "Movie": vectorMovie,
	"Sound": vectorSound, "Screen": vectorRendition, "TrapNet": vectorTrapNet,
}

// trailerKeys are the keys of trailers and cross-reference streams; DocChecksum is OpenOffice's.
var trailerKeys = map[name]bool{
	"Size": true, "Root": true, "Info": true, "ID": true, "Prev": true, "XRefStm": true, "Encrypt": true, "Type": true,
	"W": true, "Index": true, "Length": true, "Filter": true, "DecodeParms": true, "DocChecksum": true,
}

// note is a line of the report that only counts when the document is written anew.
type note = kit.Removal
