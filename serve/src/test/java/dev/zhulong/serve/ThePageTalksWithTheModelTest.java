package dev.zhulong.serve;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.Request;
import dev.zhulong.infer.SchedulerOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ThePageTalksWithTheModelTest {
    private static TestServer server;
    private static Playwright playwright;
    private static Browser browser;
    private BrowserContext context;
    private Page page;
    private final List<String> problems = new ArrayList<>();

    @BeforeAll
    static void start() {
        String chromium = Program.require("chromium", "chromium-browser", "google-chrome");
        playwright = Playwright.create(new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
        browser = playwright.chromium().launch(new BrowserType.LaunchOptions().setExecutablePath(Path.of(chromium)).setArgs(List.of("--no-sandbox")));
        var model = new ScriptedModel(4096, prompt -> prompt.contains("long") ? "word ".repeat(600) : prompt.contains("<system>Be brief") ? "Brief <b>indeed</b>." : "Hello, 烛龙 🐉!");
        server = new TestServer(model, new SchedulerOptions(4, 16, 50_000, 64, true), ServerOptions.local(0));
    }

    @AfterAll
    static void stop() {
        if (playwright != null) {
            playwright.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void open() {
        open(new Browser.NewContextOptions().setLocale("en-GB"));
    }

    private void open(Browser.NewContextOptions options) {
        context = browser.newContext(options);
        page = context.newPage();
        page.onConsoleMessage(message -> {
            if (message.type().equals("error")) {
                problems.add(message.text());
            }
        });
        page.onPageError(problems::add);
        page.navigate(server.url() + "/");
    }

    @AfterEach
    void close() {
        server.model.sleepMillis = 0;
        context.close();
        assertThat(problems).isEmpty();
    }

    private void say(String text) {
        page.fill("textarea[name=message]", text);
        page.click("#send");
    }

    @Test
    void anAnswerStreamsInAndIsWrittenAgainWhenAsked() {
        say("hi");
        assertThat(page.locator("article.assistant p").first()).hasText("Hello, 烛龙 🐉!");
        assertThat(page.locator("article footer")).containsText("tokens/s");
        page.click("#again");
        assertThat(page.locator("article footer")).containsText("tokens/s");
        assertThat(page.locator("article")).hasCount(2);
        say("again");
        assertThat(page.locator("article")).hasCount(4);
        page.click("#clear");
        assertThat(page.locator("article")).hasCount(0);
    }

    @Test
    void anAnswerThatGoesOnTooLongIsStopped() {
        server.model.sleepMillis = 5;
        say("a long one");
        assertThat(page.locator("article.assistant p").first()).containsText("word word");
        page.click("#stop");
        assertThat(page.locator("#send")).isVisible();
        page.waitForCondition(() -> server.model.open == 0);
    }

    @Test
    void theSystemPromptAndTheSamplingReachTheModelAndMarkupStaysText() {
        page.click("#settings");
        page.fill("textarea[name=system]", "Be brief");
        page.fill("input[name=most]", "300");
        page.fill("input[name=temperature]", "0");
        page.fill("input[name=seed]", "7");
        say("hi");
        assertThat(page.locator("article.assistant p").first()).hasText("Brief <b>indeed</b>.");
        page.fill("input[name=most]", "3");
        page.click("#clear");
        say("hi");
        assertThat(page.locator(".note")).containsText("cut off");
        page.reload();
        page.click("#settings");
        assertThat(page.locator("textarea[name=system]")).hasValue("Be brief");
    }

    @Test
    void anAdapterIsChosenInTheSettings(@TempDir Path directory) throws Exception {
        try (var tiny = new TinyModel(directory, new SchedulerOptions(2, 16, 4000, 32, true)); TestServer adapted = new TestServer(tiny.served, ServerOptions.local(0))) {
            tiny.served.addAdapter("one", directory.resolve("adapter1"));
            page.navigate(adapted.url() + "/");
            page.click("#settings");
            page.selectOption("select[name=model]", "one");
            page.fill("input[name=most]", "4");
            Request asked = page.waitForRequest("**/v1/chat/completions", () -> say("hi"));
            assertThat(asked.postData()).contains("\"model\":\"one\"");
            assertThat(page.locator("article footer")).containsText("tokens/s");
        }
    }

    @Test
    void probabilitiesOfTokensAreShownOverThem() {
        page.click("#settings");
        page.check("input[name=chances]");
        say("hi");
        assertThat(page.locator("span.token").first()).hasAttribute("title", Pattern.compile("\"H\"\\s+100.0 %"));
    }

    @Test
    void thePageIsLightOrDarkAndSpeaksChinese() {
        page.click("#theme");
        String theme = (String) page.evaluate("document.documentElement.dataset.theme");
        page.click("#theme");
        assertThat((String) page.evaluate("document.documentElement.dataset.theme")).isNotEqualTo(theme);
        page.click("#language");
        assertThat(page.locator("#send")).hasText("发送");
        context.close();
        open(new Browser.NewContextOptions().setLocale("zh-CN"));
        assertThat(page.locator("#send")).hasText("发送");
    }

    @Test
    void itFitsAPhone() {
        context.close();
        open(new Browser.NewContextOptions().setLocale("en-GB").setViewportSize(360, 640).setIsMobile(true).setHasTouch(true));
        say("a long one");
        assertThat(page.locator("article.assistant p").first()).containsText("word word");
        page.click("#settings");
        assertThat((Boolean) page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")).isTrue();
        assertThat(page.locator("textarea[name=message]")).isVisible();
        page.click("#clear");
    }

    @Test
    void anErrorIsTold() {
        page.click("#settings");
        page.fill("textarea[name=system]", "x".repeat(5000));
        say("hi");
        assertThat(page.locator(".note")).containsText("the prompt has");
        problems.removeIf(text -> text.contains("400"));
    }

    @Test
    void nothingButThePageItselfMayBeLoaded() {
        String policy = server.get("/").response().headers().firstValue("Content-Security-Policy").orElse("");
        assertThat(policy).contains("default-src 'none'", "script-src 'self' 'sha256-").doesNotContain("unsafe");
        assertThat(server.get("/page/../openapi.json").status()).isIn(400, 404);
        assertThat(server.get("/openapi").json().get("paths").size()).isEqualTo(20);
    }
}
