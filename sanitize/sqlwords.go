package sanitize

import (
	"strings"

	"icapd/sanitize/wordset"
)

// sqlWordKind is what a word can be to SQL; a word can be several things.
type sqlWordKind uint32

const (
	wordLogic     sqlWordKind = 1 << iota // joins conditions
	wordCompare                           // compares two operands
	wordLiteral                           // null, true
	wordCondition                         // comes before a condition: where, having
	wordStatement                         // begins a statement
	wordObject                            // what create, drop and alter work on
	wordClause                            // can follow a complete condition: union, order, limit
	wordFunction                          // a function of SQL that also exists elsewhere
	wordStrong                            // a function or procedure that only SQL has and attackers like
	wordMeta                              // a catalogue of the database
	wordUnion
	wordSelect
	wordFrom
	wordNot
	wordStop // an English word that no table is called
	wordType
)

// sqlWords is made of the reference manuals of MySQL, PostgreSQL, SQL Server, Oracle and SQLite.
var sqlWords = func() map[string]sqlWordKind {
	m := map[string]sqlWordKind{}
	for kind, words := range map[sqlWordKind]string{
		wordLogic:                  "or and xor",
		wordCompare:                "like rlike regexp ilike glob similar between in is sounds match contains div mod regexp_like",
		wordLiteral:                "null true false unknown",
		wordCondition:              "where having when on",
		wordNot:                    "not binary any all some",
		wordUnion | wordClause:     "union intersect except minus",
		wordSelect | wordStatement: "select",
		wordFrom:                   "from",
		wordClause:                 "order group limit offset procedure into for fetch",
		wordStatement: "insert update delete drop create alter truncate exec execute declare grant revoke shutdown " +
			"waitfor backup restore bulk merge replace call begin if while load copy rename lock show attach pragma " +
			"use set kill reconfigure print handler with do desc describe explain dbcc deny commit rollback openrowset " +
			"analyze vacuum values table raiserror",
		wordObject: "table database schema view user login procedure proc function trigger index column role sequence " +
			"tablespace type alias server extension language aggregate operator materialized temporary temp unique or " +
			"global external link directory assembly certificate credential endpoint",
		wordType: "varchar nvarchar int integer char nchar text datetime cursor table varbinary numeric decimal bigint clob xml bit",
		wordFunction: "ascii substring substr mid left right char chr nchar concat concat_ws count version database user " +
			"cast convert length len ord hex unhex if iif ifnull isnull nullif coalesce exists md5 sha1 sha2 lower upper " +
			"replace instr locate position rand floor ceil round exp pow power abs max min sum avg now current_user " +
			"session_user system_user schema db_name db_id user_name object_id object_name host_name row_count " +
			"found_rows last_insert_id make_set elt find_in_set field bin lpad rpad ltrim rtrim trim reverse space " +
			"stuff unicode quotename datalength convert_to to_char to_number to_date decode nvl nvl2 rownum row_number " +
			"xmlelement json_extract json_value json_depth json_length json_keys json_arrayagg json_object json_type " +
			"getdate sysdate mod unistr uuid is_srvrolemember is_member has_dbaccess serverproperty suser_name " +
			"suser_sname app_name current_database current_schema current_setting inet_server_addr pg_backend_pid " +
			"string_agg array_agg array_to_string chr changes total_changes glob likelihood likely typeof zeroblob " +
			"hextoraw rawtohex utl_raw dump translate regexp_substr regexp_replace regexp_instr soundex difference " +
			"connection_id charset collation point polygon " +
			"multipoint geometrycollection linestring multilinestring multipolygon sys_context sys_guid chr nchr",
		wordStrong: "sleep pg_sleep pg_sleep_for benchmark extractvalue updatexml load_file group_concat xp_cmdshell xp_dirtree " +
			"xp_regread xp_regwrite xp_fileexist xp_subdirs xp_loginconfig xp_enumgroups xp_servicecontrol xp_availablemedia " +
			"xp_ntsec_enumdomains xp_terminate_process xp_regdeletekey xp_regenumvalues xp_makecab sp_addlogin sp_configure " +
			"sp_password sp_addsrvrolemember sp_executesql sp_makewebtask sp_oacreate sp_oamethod sp_addextendedproc " +
			"sp_start_job sp_add_job sp_who sp_columns sp_tables sp_help sp_helptext sp_prepare sp_msforeachtable " +
			"dbms_pipe dbms_lock dbms_xmlgen dbms_ldap dbms_utility dbms_output dbms_scheduler dbms_java dbms_export_extension dbms_session dbms_job dbms_advisor dbms_xmlquery dbms_sql dbms_metadata dbms_xslprocessor gtid_subset gtid_subtract st_latfromgeohash st_longfromgeohash st_pointfromgeohash name_const " +
			"utl_http utl_inaddr utl_file utl_smtp utl_tcp ctxsys httpuritype dburitype xmltype sys_eval sys_exec " +
			"load_extension bfilename randomblob generate_series pg_read_file pg_ls_dir pg_stat_file lo_import lo_export dblink_connect " +
			"dblink_send_query query_to_xml database_to_xml database_to_xmlschema table_to_xml openrowset openquery opendatasource " +
			"fn_xe_file_target_read_file fn_get_audit_file fn_trace_gettable fn_varbintohexstr sys_eval rpad_analyse " +
			"readfile writefile edit fts3_tokenizer receive_message get_host_address gethostbyname drithsx master_key",
		wordMeta: "information_schema sysobjects syscolumns sysusers sysdatabases syslogins sysxlogins sysservers sysprocesses " +
			"all_tables all_tab_columns all_users user_tables user_tab_columns user_objects dba_users dba_tables dba_role_privs all_objects " +
			"session_privs user_role_privs dba_sys_privs pg_catalog pg_shadow pg_user pg_tables pg_database pg_class pg_stat_activity pg_roles pg_attribute pg_namespace " +
			"sqlite_master sqlite_schema sqlite_temp_master msysobjects msysaces msysqueries msysaccessobjects rdb mysql_user " +
			"v_version global_name dual sysibm systables syscat sysmaster performance_schema innodb_table_stats innodb_index_stats processlist",
		wordStop: "the a an your this that these those our my his her their its which each one least most left right top below above your " +
			"menu list dropdown drop-down options available following multiple different various among your either among many several",
	} {
		for w := range strings.FieldsSeq(words) {
			m[w] |= kind
		}
	}
	delete(m, "rpad_analyse")
	return m
}()

// sqlLookup is sqlWords for who asks about every word.
var sqlLookup = wordset.New(sqlWords)
