package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.Document;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LanguageIsIdentifiedOrHonestlyUnknownTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            en | The ferry was late again, and nobody on the quay could say when it would come.
            en | Please send the report to my office before the end of the week.
            de | Die Fähre hatte wieder Verspätung, und niemand am Kai wusste, wann sie kommen würde.
            de | Bitte schicken Sie mir den Bericht noch vor dem Ende der Woche.
            fr | Le bateau avait encore du retard et personne sur le quai ne savait quand il arriverait.
            fr | Je vous prie de bien vouloir envoyer ce rapport avant la fin de la semaine.
            es | El barco llegó otra vez con retraso y nadie en el muelle sabía cuándo vendría el siguiente.
            es | Por favor, envíe el informe a mi oficina antes de que termine la semana.
            it | Il traghetto era di nuovo in ritardo e nessuno sul molo sapeva quando sarebbe arrivato.
            it | Non ho ancora ricevuto la lettera che mi hai mandato per il compleanno della nonna.
            pt | O barco chegou outra vez com atraso e ninguém no cais sabia quando viria o seguinte.
            pt | Não recebi ainda a carta que você me mandou para o aniversário da avó.
            nl | De veerboot was weer te laat en niemand op de kade wist wanneer hij zou komen.
            nl | Ik heb de brief die je mij hebt gestuurd nog niet ontvangen, maar dat geeft niet.
            zh-Hans | 渡船又晚点了，码头上没有人知道它什么时候会来。
            zh-Hant | 渡船又晚點了，碼頭上沒有人知道它什麼時候會來。
            zh-Hans | 我们用 Kubernetes 部署 Spring Boot 应用，请先阅读文档再开始。
            zh | 水 火 山 木 石
            ja | 渡し船はまた遅れていて、桟橋では誰もいつ来るのか知らなかった。
            ko | 나룻배가 또 늦었고 부두에서는 아무도 언제 올지 몰랐다.
            ru | Паром снова опоздал, и никто на причале не знал, когда он придёт.
            uk | Пором знову запізнився, і ніхто на причалі не знав, коли він приїде до нас.
            ar | تأخرت العبارة مرة أخرى ولم يعرف أحد على الرصيف متى ستصل.
            el | Το πλοίο άργησε πάλι και κανείς δεν ήξερε πότε θα έρθει.
            he | המעבורת איחרה שוב ואיש לא ידע מתי תגיע.
            und-Latn | Prom znów się spóźnił i nikt na nabrzeżu nie wiedział, kiedy przypłynie.
            und-Latn | Färjan var försenad igen och ingen på kajen visste när den skulle komma fram.
            und-Latn | cheap lamps buy lamps best lamps online
            und | 12345 --- 67890 ???
            """)
    void sentences(String expected, String sentence) {
        assertThat(LanguageIdentifier.identify(sentence)).isEqualTo(expected);
    }

    @Test
    void codeIsNoLanguageOfPeople() {
        var step = new IdentifyLanguage();
        assertThat(step.languageOf(Cleaning.java(Cleaning.JAVA))).isEqualTo("code");
        assertThat(step.languageOf(new Document("17", Cleaning.JAVA))).isEqualTo("code");
        assertThat(step.languageOf(new Document("17",
                "def broken(lamps):\n    count = 0\n    for lamp in lamps:\n        if not lamp:\n            count += 1\n"
                + "    return count\n"))).isEqualTo("code");
        assertThat(step.languageOf(new Document("17", Cleaning.ENGLISH))).isEqualTo("en");
        assertThat(step.languageOf(new Document("17", Cleaning.SIMPLIFIED))).isEqualTo("zh-Hans");
    }

    @Test
    void onlyAllowedLanguagesStay() {
        var step = new IdentifyLanguage(Set.of("zh", "en"));
        Cleaning.assertUnchanged(step, Cleaning.prose(Cleaning.ENGLISH));
        Cleaning.assertUnchanged(step, Cleaning.prose(Cleaning.SIMPLIFIED));
        assertThat(Cleaning.reason(step, Cleaning.java(Cleaning.JAVA))).isEqualTo("language code (allowed: en, zh)");
        Cleaning.GOOD.forEach(document -> Cleaning.assertUnchanged(new IdentifyLanguage(), document));
    }
}
