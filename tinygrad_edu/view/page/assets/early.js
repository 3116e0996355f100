// Before anything is laid out: with a script, the steps show one by one.
document.documentElement.classList.add("stepping");
