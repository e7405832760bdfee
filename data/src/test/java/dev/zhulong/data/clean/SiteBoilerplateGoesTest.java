package dev.zhulong.data.clean;

import static dev.zhulong.data.clean.Cleaning.assertUnchanged;
import static dev.zhulong.data.clean.Cleaning.java;
import static dev.zhulong.data.clean.Cleaning.keep;
import static dev.zhulong.data.clean.Cleaning.prose;
import static dev.zhulong.data.clean.Cleaning.text;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SiteBoilerplateGoesTest {

    private final RemoveBoilerplate step = new RemoveBoilerplate();

    @Test
    void noticesGoAndTextStays() {
        var keep = keep(step,
                prose("Home | About | Contact\n\nThe ferry is late.\nWe use cookies to serve you better.\n"
                        + "Please enable JavaScript.\nIt comes.\n"));
        assertThat(keep.document().text()).isEqualTo("\nThe ferry is late.\nIt comes.\n");
        assertThat(keep.note()).isEqualTo("3 boilerplate lines");
    }

    @Test
    void chineseNoticesGo() {
        assertThat(text(step,
                prose("首页\n新闻\n登录\n船晚点了。\n京ICP备000000号\n返回顶部\n")))
                .isEqualTo("船晚点了。\n");
    }

    @Test
    void navigationWordsGoOnlyInCompany() {
        assertUnchanged(step, prose("Home\nThe house stood by the sea.\nHelp\nNobody heard.\n"));
        assertThat(text(step, prose("Home\n\nLogin\n\nSearch\n\nThe house.\n"))).isEqualTo("\nThe house.\n");
    }

    @Test
    void tablesCodeAndLongLinesStay() {
        assertUnchanged(step, prose("| lamp | state | since |\n|---|---|---|\n| one | lit | May |\n"));
        assertUnchanged(step, java("// we use cookies for the session\nint x;\n"));
        assertUnchanged(step, prose("In this chapter we explain at length how we use cookies to keep a session, "
                + "and so on ".repeat(20) + "\n"));
        Cleaning.GOOD.forEach(document -> assertUnchanged(step, document));
    }
}
