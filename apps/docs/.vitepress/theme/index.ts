import type { Theme } from "vitepress";
// Without the theme's web font: pages load nothing that the system has.
import DefaultTheme from "vitepress/theme-without-fonts";
import HomePage from "./HomePage.vue";
import "./style.css";
import TokenStages from "./TokenStages.vue";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("HomePage", HomePage);
    app.component("TokenStages", TokenStages);
  },
} satisfies Theme;
