package ole

import (
	"path"
	"strings"
)

// executableList are extensions of files that run, install or fetch something when they are opened.
const executableList = "exe dll com scr pif cpl msi msp mst bat cmd ps1 ps1xml psm1 psd1 vb vbs vbe js jse wsf wsh wsc sct hta lnk url jar class " +
	"reg inf scf chm hlp iso img vhd vhdx iqy oqy dqy rqy slk settingcontent-ms appref-ms application xll wll xla ppa apk dmg pkg " +
	"sh py pyw pyc pl rb one library-ms search-ms searchconnector-ms website diagcab msc gadget desktop theme themepack ade adp mde " +
	"accda accde job ocx sys drv run elf app command jnlp msix appx msixbundle appxbundle xbap grp its mad maf mag mam maq " +
	"mas mau mav maw mda mdb mdt mdw mdz prf pst scr shb shs tmp vsmacros vsw ws crt der fxp gadget hpj ins isp ksh nsh"

// executableName reports whether a file with this name is started, not shown. Windows does without dots and blanks
// at the end.
func executableName(name string) bool {
	name = strings.TrimRight(strings.ToLower(name), ". \x00\t")
	ext := strings.TrimPrefix(path.Ext(name), ".")
	return ext != "" && strings.Contains(" "+executableList+" ", " "+ext+" ")
}

// executableType reports whether bytes are a program or a script.
func executableType(mediaType string) bool {
	switch mediaType {
	case "application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-executable",
		"application/x-sharedlib", "application/x-object", "application/x-coredump", "application/x-mach-binary",
		"application/x-ms-shortcut", "application/x-ms-installer", "application/x-chm", "application/jar",
		"application/java-archive", "application/x-java-applet", "application/wasm", "application/x-installer",
		"application/vnd.android.package-archive", "text/javascript", "application/javascript", "text/x-python", "text/x-perl",
		"text/x-lua", "text/x-tcl", "text/x-shellscript", "text/x-php", "application/onenote", "application/x-shockwave-flash",
		"text/x-ruby", "application/x-msaccess", "application/postscript":
		return true
	}
	return false
}

// passive reports whether files of a type for which there is no handler are shown or played, and do nothing else.
func passive(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	switch kind {
	case "audio", "video", "font":
		return true
	}
	switch mediaType {
	case "text/plain", "text/calendar", "text/vcard", "application/json", "application/pkcs7-signature", "text/tab-separated-values",
		"application/x-ndjson", "application/ogg", "application/geo+json", "application/sdp":
		return true
	}
	return false
}
