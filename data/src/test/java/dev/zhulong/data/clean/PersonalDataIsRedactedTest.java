package dev.zhulong.data.clean;

import static dev.zhulong.data.clean.Cleaning.assertUnchanged;
import static dev.zhulong.data.clean.Cleaning.java;
import static dev.zhulong.data.clean.Cleaning.keep;
import static dev.zhulong.data.clean.Cleaning.prose;
import static dev.zhulong.data.clean.Cleaning.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PersonalDataIsRedactedTest {

    private final RedactPersonalData step = new RedactPersonalData();

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            Write to anna.berg+x@post.harbour.co.uk, please.            | Write to <EMAIL>, please.
            联系zhang_san@163.com谢谢                                    | 联系<EMAIL>谢谢
            <a href="mailto:anna@harbour.fi">                           | <a href="mailto:<EMAIL>">
            13812345678@qq.com                                          | <EMAIL>
            手机：13812345678。                                          | 手机：<PHONE>。
            电话 010-62345678 或 +86 138-1234-5678                       | 电话 <PHONE> 或 <PHONE>
            Call (415) 555-2671 or 415-555-2672.                        | Call <PHONE> or <PHONE>.
            Tel. +49 30 1234567, +442071234567                          | Tel. <PHONE>, <PHONE>
            call 1-212-736-5000 now                                     | call <PHONE> now
            身份证号11010519491231002X，有效                              | 身份证号<RESIDENT_ID>，有效
            ID 110105194912310038x and 11010519491231002x               | ID 110105194912310038x and <RESIDENT_ID>
            card 4111 1111 1111 1111 ok                                 | card <PAYMENT_CARD> ok
            card 4111-1111-1111-1111 ok                                 | card <PAYMENT_CARD> ok
            pay 5500000000000004 and 378282246310005                    | pay <PAYMENT_CARD> and <PAYMENT_CARD>
            amex 3782 822463 10005                                      | amex <PAYMENT_CARD>
            from 91.198.174.192 to 2a00:1450:4001:81b::200e             | from <IP_ADDRESS> to <IP_ADDRESS>
            http://91.198.174.192/index                                 | http://<IP_ADDRESS>/index
            """)
    void found(String text, String expected) {
        assertThat(text(step, prose(text))).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "someone@example.com and x@test.invalid and a@b", "git@harbour.org:lamps.git", "icon@2x.png", "@Override public", "a@1.2.3",
                "pkg@4.5.6",
        "100000000000 12812345678 138123456789", "order 2024-01-15 10:20:30", "415-555-0123 is fiction",
                "id-13812345678 v13812345678 13812345678.5",
        "110105194912310021 11010519490231002X", "4111 1111 1111 1112", "1234567812345670", "0000000000000000",
        "version 91.198.174.192", "section 15.12.25.5 and §15.12.25.5", "v10.20.30.40",
                "127.0.0.1 10.1.2.3 192.168.1.77 172.20.0.5 0.0.0.0",
        "192.0.2.17 198.51.100.4 203.0.113.9 255.255.255.0 8.8.8.8", "1.3.6.1.4.1.311", "256.91.198.174", "91.198.174.192.5",
        "2001:db8::1 ::1 fe80::1 12:30:45 2024:10:11", "std::vector 2000::foo", "+1 is a vote", "x + 1234567890123456789"})
    void leftAlone(String text) {
        assertUnchanged(step, prose(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "long max = 13812345678L; int[] a = {13912345678, 4155552671};", "static final long LIMIT = 4503599627370496;",
                "x = 4111111111111111;",
        "// see JLS 15.12.25.5 and RFC 91.198.174.192", "LocalDate.parse(\"+999999999-12-31\")", "OID = \"2.5.29.14\";",
        "String password = System.getProperty(\"lamp.password\");", "var token = nextToken(stream);", "token == Token.IDENTIFIER2",
        "password = \"change-me-please\"", "hashedPassword = base64_encoded_64_byte_salt", "int key = 0x13812345;",
                "secret: sk-something-with-words"})
    void codeIsLeftAlone(String text) {
        assertUnchanged(step, java(text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            * @author Anna <anna@harbour.fi>                              | * @author Anna <<EMAIL>>
            String phone = "13812345678";                                 | String phone = "<PHONE>";
            // phone 13812345678                                          | // phone <PHONE>
            pay("4111111111111111")                                       | pay("<PAYMENT_CARD>")
            connect("91.198.174.192", 80)                                 | connect("<IP_ADDRESS>", 80)
            """)
    void foundInCodeWithContext(String text, String expected) {
        assertThat(text(step, java(text))).isEqualTo(expected);
    }

    /** The tokens are made here, not written out: no scanner of repositories should take them for real ones. */
    @Test
    void tokensAndKeys() {
        String random = random(80);
        for (String token : new String[] {"ghp_" + random.substring(0, 36), "github_pat_" + random.substring(0, 70), "AKIA"
                + "ABCDEFGHIJ234567",
            "glpat-" + random.substring(0, 20), "xoxb-" + random.substring(0, 30), "sk-" + random.substring(0, 40), "AIza"
                    + random.substring(0, 35),
            "eyJ" + random.substring(0, 20) + ".eyJ" + random.substring(20, 50) + "." + random.substring(50, 80)}) {
            assertThat(text(step, java("f(\"" + token + "\");"))).as(token).isEqualTo("f(\"<SECRET>\");");
            assertThat(text(step, prose("Here: " + token + " and more"))).as(token).isEqualTo("Here: <SECRET> and more");
            assertUnchanged(step, prose("x" + token.substring(1, 5) + " is short"));
        }
        assertUnchanged(step, java("\"AKIAIOSFODNN7EXAMPLE\""));
    }

    @Test
    void tokensOfEveryShapeThatServicesHavePublished() {
        String random = random(80);
        for (String token : new String[] {"hf_" + random.substring(0, 34), "api_org_" + random.substring(0, 34), "npm_" + random.substring(0, 36), "pypi-" + random.substring(0, 60),
            "rubygems_" + random.substring(0, 48), "dckr_pat_" + random.substring(0, 27), "xapp-1-" + random.substring(0, 30), "GOCSPX-" + random.substring(0, 28),
            "ya29." + random.substring(0, 40), "SG." + random.substring(0, 22) + "." + random.substring(22, 65), "shpat_" + random.substring(0, 32), "glrt-" + random.substring(0, 20),
            "dop_v1_" + random.substring(0, 64), "hvs." + random.substring(0, 24), "gsk_" + random.substring(0, 52), "r8_" + random.substring(0, 37), "nvapi-" + random.substring(0, 64),
            "sk_test_" + random.substring(0, 24), "ghs_" + random.substring(0, 36), "lin_api_" + random.substring(0, 40)}) {
            assertThat(text(step, java("f(\"" + token + "\");"))).as(token).isEqualTo("f(\"<SECRET>\");");
            assertThat(text(step, prose("Here: " + token + ".\n(" + token + ")"))).as(token).isEqualTo("Here: <SECRET>.\n(<SECRET>)");
            assertUnchanged(step, prose("of " + token.substring(0, 9)));
            assertUnchanged(step, prose("a" + token.substring(0, 12)));
        }
        for (String text : new String[] {"hf_hub_download(repo_id)", "npm_config_registry=x", "import hf_transfer", "pypi-server and xai-sdk", "secret_key_base", "ntn_", "SG. A sentence."}) {
            assertUnchanged(step, prose(text));
            assertUnchanged(step, java(text));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            write to hello@makenotion.so now                             | write to <EMAIL> now
            hello@team.py, a@b-c.rs, x@y.sh; q@r.md or q@r.pl             | <EMAIL>, <EMAIL>, <EMAIL>; <EMAIL> or <EMAIL>
            host 5.15.0.131 answers, http://5.15.0.131/ and 5.15.0.131:80 | host <IP_ADDRESS> answers, http://<IP_ADDRESS>/ and <IP_ADDRESS>:80
            IP: 5.15.0.131, IP address is 81.2.0.1                       | IP: <IP_ADDRESS>, IP address is <IP_ADDRESS>
            """)
    void endingsAndNumbersThatMeanSomethingElseElsewhere(String text, String expected) {
        assertThat(text(step, prose(text))).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "kernel 5.15.0.131, driver 535.104.05.1, IBM MQ 9.3.0.25", "WebSphere 8.5.1.2 fixed in 8.5.5.11", "SQL Server 12.2.1.4", "v1.2.3.4 or version 11.22.33.44",
        "Version=4.0.0.0", "Chrome/103.0.0.0", "upgrade 21.10.12.14", "not 5.15.0.131", "git@github.com:anna/lamps.git", "root@10.0.0.1"})
    void versionsStay(String text) {
        assertUnchanged(step, prose(text));
    }

    @Test
    void aPlaceholderSpeaksOfNoAddressBehind() {
        assertThat(text(step, prose("91.198.174.192 5.15.0.131"))).isEqualTo("<IP_ADDRESS> 5.15.0.131");
    }

    @Test
    void privateKeysGoAndCertificatesStay() {
        String body = ("MIIB" + random(60) + "\n").repeat(3);
        assertThat(text(step, prose("a\n-----BEGIN RSA PRIVATE KEY-----\n" + body + "-----END RSA PRIVATE KEY-----\nb")))
                .isEqualTo("a\n<SECRET>\nb");
        assertUnchanged(step, prose("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"));
        assertUnchanged(step, prose("-----BEGIN PRIVATE KEY----- and no end"));
    }

    @Test
    void assignedValues() {
        String value = random(24);
        assertThat(text(step, java("String apiKey = \"" + value + "\";"))).isEqualTo("String apiKey = \"<SECRET>\";");
        assertThat(text(step, prose("db.password=" + value + "\nuser=anna"))).isEqualTo("db.password=<SECRET>\nuser=anna");
        assertThat(text(step, prose("{\"access_token\": \"" + value + "\"}"))).isEqualTo("{\"access_token\": \"<SECRET>\"}");
        assertUnchanged(step, java("String name = \"" + value + "\";"));
    }

    private static String random(int length) {
        var random = new Random(7);
        var out = new StringBuilder();
        for (int i = 0; i < length; i++) {
            out.append("abcXYZ0189defGHIJKLmnop234567".charAt(random.nextInt(29)));
        }
        return out.toString();
    }

    @Test
    void noteCountsEachKind() {
        assertThat(keep(step, prose("a.b@harbour.fi c.d@harbour.fi, card 4111 1111 1111 1111")).note())
                .isEqualTo("2 e-mail addresses, 1 payment card");
    }

    @Test
    void kindsCanBeSwitchedOff() {
        var phones = new RedactPersonalData(EnumSet.of(PersonalData.PHONE));
        assertThat(text(phones, prose("a.b@harbour.fi 13812345678"))).isEqualTo("a.b@harbour.fi <PHONE>");
        var cards = new RedactPersonalData(EnumSet.of(PersonalData.PAYMENT_CARD));
        assertUnchanged(cards, prose("a.b@harbour.fi 13812345678 91.198.174.192 11010519491231002X"));
    }

    @Test
    void goodTextStays() {
        Cleaning.GOOD.forEach(document -> assertUnchanged(step, document));
    }
}
